"""The installer reaches its controller over the network that was chosen for the new system, or else by DHCP."""

from collections.abc import Iterator

import pytest

from oobctl.images.configuring.networks import Network, installer_lines
from tests.integration.installer_boots import DISK_MB, Run, Starting
from tests.integration.installer_guest import MAC, packed, read_file, system_image
from tests.integration.installer_network import Switch
from tests.integration.installer_service import Job, orders

SECOND_MAC = "52:54:00:12:34:57"
VLAN = 42


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starting]:
    with Starting(tmp_path_factory.mktemp("guests")) as found:
        yield found


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """For the server with the second card: what its cards are called must not depend on their being bonded."""
    content = system_image(tmp_path_factory.mktemp("content"), {"etc/hostname": "from the image\n"})
    image = packed(content)
    return Job(orders(image, content_size=len(content), disks=[(DISK_MB << 20, "SER 0")], mac=SECOND_MAC), image)


def installed(run: Run) -> bool:
    return (
        run.service.phases()[-1:] == ["configured"] and read_file(run.disks[0], "/etc/hostname") == b"from the image\n"
    )


def test_fixed_addresses_on_a_vlan_over_a_bond_are_the_way_and_dhcp_is_not_asked(starting: Starting, job: Job) -> None:
    chosen = Network(
        macs=[MAC, SECOND_MAC], bond_mode="active-backup", vlan=VLAN, addresses=["10.0.2.77/24"], gateways=["10.0.2.2"],
        name_servers=["10.0.2.3"],
    )  # fmt: skip
    with Switch((MAC, SECOND_MAC), vlan=VLAN) as switch:
        run = starting.run("bond", job, network=installer_lines(chosen), cards=switch.cards())
    assert installed(run), run.serial
    assert f"Network: 10.0.2.77/24 on bond0.{VLAN}, as the job says." in run.log()
    assert switch.dhcp == 0
    assert sum(map(bool, switch.passed)) == 1  # of the two one works, the other waits
    assert run.service.claims[0]["mac"] == [MAC, SECOND_MAC]


def test_where_the_chosen_addresses_reach_nobody_it_is_dhcp(starting: Starting, job: Job) -> None:
    chosen = Network(macs=[SECOND_MAC], addresses=["192.0.2.77/24"], gateways=["192.0.2.1"])
    card = ("-netdev", "user,id=net", "-device", f"virtio-net-pci,netdev=net,mac={SECOND_MAC},romfile=")
    run = starting.run("fallback", job, network=installer_lines(chosen), cards=card)
    assert installed(run), run.serial
    assert "Network: 192.0.2.77/24 on eth0, as the job says." in run.log()
    assert "Network: 10.0.2.15/24 on eth0, by DHCP." in run.log()


def test_where_a_bond_gets_no_address_a_card_that_gets_one_is_the_way(starting: Starting, job: Job) -> None:
    chosen = Network(macs=[MAC, SECOND_MAC], bond_mode="active-backup", vlan=VLAN)
    cards = [
        word for number, mac in enumerate((MAC, SECOND_MAC))
        for word in ("-netdev", f"user,id=net{number}", "-device",
                     f"virtio-net-pci,netdev=net{number},mac={mac},romfile=")
    ]  # fmt: skip
    run = starting.run("no-address", job, network=installer_lines(chosen), cards=tuple(cards))
    assert installed(run), run.serial
    assert "Network: 10.0.2.15/24 on eth" in run.log()
    assert run.service.claims[0]["mac"] == [MAC, SECOND_MAC]
