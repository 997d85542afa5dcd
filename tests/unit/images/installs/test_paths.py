"""From where a server can start an installer, and what it says where it cannot."""

from pathlib import Path

import pytest

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.constants import BootPath, NetworkBoot
from oobctl.errors import InvalidParameter, NoWay
from oobctl.images.installs import authority, network, paths
from oobctl.store import Server, database
from tests.installation import Installation
from tests.profiles import Derived
from tests.reinstalls import UUID, add_image, asked, ready, request

MAC = "52:54:00:aa:bb:01"


@pytest.fixture
def by_ipmi(sqlite_installation: Installation) -> str:
    """A server that speaks IPMI alone, at a site whose boot service has run."""
    add_image()
    server = sqlite_installation.servers["web01"]
    with database().write() as session:
        row = session.get_one(Server, server)
        row.system_uuid = UUID
        site = row.site_id
    authority.ensure(site)
    return server


def is_a(server: str, profile: str) -> None:
    with database().write() as session:
        session.get_one(Server, server).bmc.profile = profile


def by_redfish(installation: Installation) -> str:
    server = ready(installation)
    is_a(server, "generic-redfish")
    return server


def tell(server: str, way: NetworkBoot | None) -> None:
    with database().read() as session:
        site = session.get_one(Server, server).site_id
    network.tell(site, way)


def chosen(server: str, wanted: BootPath | None = None) -> BootPath:
    with database().read() as session:
        return paths.chosen(session, session.get_one(Server, server), wanted)[0]


def from_network(server: str) -> tuple[BootPath, ...]:
    with database().read() as session:
        return paths.network(session, session.get_one(Server, server))


def test_virtual_media_goes_first_where_there_is_a_choice(sqlite_installation: Installation) -> None:
    server = ready(sqlite_installation)
    tell(server, NetworkBoot.SCRIPT)
    assert chosen(server) is BootPath.VIRTUAL_MEDIA
    assert chosen(server, BootPath.NETWORK) is BootPath.NETWORK


def test_uefi_http_boot_is_taken_where_it_is_asked_for_over_redfish(
    sqlite_installation: Installation, by_ipmi: str
) -> None:
    tell(by_ipmi, NetworkBoot.SCRIPT)
    with pytest.raises(InvalidParameter, match=r"not known to take UEFI HTTP boot. Staff have to say it"):
        chosen(by_ipmi, BootPath.UEFI_HTTP)
    server = by_redfish(sqlite_installation)
    assert chosen(server, BootPath.UEFI_HTTP) is BootPath.UEFI_HTTP
    tell(by_ipmi, None)
    with pytest.raises(InvalidParameter, match="network boot is not set up"):
        chosen(server, BootPath.UEFI_HTTP)


def test_a_profile_says_which_way_from_the_network_goes_first(
    sqlite_installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use(folder: Path) -> None:
        monkeypatch.setenv("OOBCTL_HWPROFILES", str(folder))
        settings.cache_clear()

    derived = Derived(tmp_path / "derived", use)
    server = by_redfish(sqlite_installation)
    tell(server, NetworkBoot.SCRIPT)
    assert from_network(server) == (BootPath.NETWORK, BootPath.UEFI_HTTP)
    for listed, found in (
        (["uefi-http", "network"], (BootPath.UEFI_HTTP, BootPath.NETWORK)),
        (["virtual-media"], (BootPath.NETWORK,)),  # a script still starts
    ):
        is_a(server, derived(changes={"install.boot_paths": listed}))
        assert from_network(server) == found
        assert chosen(server) == listed[0]


def test_of_a_server_that_cannot_start_from_its_network_the_sites_reason_is_told(
    sqlite_installation: Installation,
) -> None:
    server = by_redfish(sqlite_installation)
    with pytest.raises(NoWay, match="network boot is not set up at the site") as caught:
        from_network(server)
    assert "UEFI" not in caught.value.message
    with database().read() as session:
        assert paths.lacks(session, session.get_one(Server, server)) is None  # it has virtual media


def test_a_server_without_virtual_media_starts_from_its_network(by_ipmi: str) -> None:
    tell(by_ipmi, NetworkBoot.SCRIPT)
    assert chosen(by_ipmi) is BootPath.NETWORK


def test_a_server_that_nothing_tells_apart_is_not_shut_down_for_an_installer_that_refuses_it(
    sqlite_installation: Installation,
) -> None:
    server = ready(sqlite_installation)
    assert chosen(server) is BootPath.VIRTUAL_MEDIA
    with database().write() as session:
        session.get_one(Server, server).system_uuid = "00000000-0000-0000-0000-000000000000"  # a placeholder
    with pytest.raises(NoWay, match=r"neither its UUID nor a MAC address.*oobctl server boot-macs web01 MAC"):
        chosen(server)
    with database().write() as session:
        session.get_one(Server, server).boot_macs = [MAC]
    assert chosen(server) is BootPath.VIRTUAL_MEDIA


def test_the_door_says_what_both_ways_lack(by_ipmi: str) -> None:
    with pytest.raises(NoWay, match=r"no virtual drive.*network boot is not set up at the site") as caught:
        asked(by_ipmi)
    assert caught.value.http_status == 409
    offers = {action.name: decision for action, decision in control.offered(SYSTEM, by_ipmi)}
    assert not offers["os.reinstall"].allowed
    assert "network boot is not set up" in (control.choices(SYSTEM, by_ipmi).lacks or "")


def test_a_way_that_is_not_there_is_a_wrong_parameter(by_ipmi: str) -> None:
    tell(by_ipmi, NetworkBoot.SCRIPT)
    with pytest.raises(InvalidParameter, match="no virtual drive") as caught:
        asked(by_ipmi, request(boot_path="virtual-media"))
    assert caught.value.details["field"] == "boot_path"


def test_our_dhcp_needs_a_mac_address_that_an_administrator_can_say(by_ipmi: str) -> None:
    tell(by_ipmi, NetworkBoot.DHCP)
    with pytest.raises(NoWay, match="oobctl server boot-macs web01"):
        asked(by_ipmi)
    administer.set_boot_macs(SYSTEM, by_ipmi, [MAC])
    assert chosen(by_ipmi) is BootPath.NETWORK


def test_a_machine_that_nothing_is_known_of_is_not_started_from_its_network(by_ipmi: str) -> None:
    tell(by_ipmi, NetworkBoot.SCRIPT)
    with database().write() as session:
        session.get_one(Server, by_ipmi).system_uuid = None
    with pytest.raises(NoWay, match="neither its UUID nor a MAC"):
        asked(by_ipmi)
