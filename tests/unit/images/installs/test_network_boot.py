"""Who may start an installer from the network: the machine with an armed job, and nobody else, whatever it says."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from sqlalchemy import update

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.cli.init import prepare
from oobctl.config import settings
from oobctl.constants import BootPath, NetworkBoot
from oobctl.errors import NotAllowed
from oobctl.images.installs import claims, keys, network, reports, waiting
from oobctl.images.installs.network import Asker, Ticket
from oobctl.images.installs.phases import Phase
from oobctl.installation import find_site
from oobctl.store import Site, database
from tests.installation import Installation
from tests.reinstalls import MAC, UUID, add_image, armed, claimant, install, ready, token

SECRET = b"of this site's boot services"
ADDRESS, OTHER_MAC, OTHER_UUID = "127.0.0.9", "52:54:00:aa:bb:99", "0d5f1d7e-3a55-4b0e-9c55-0f6a3f5b8c99"


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    add_image()
    return ready(sqlite_installation)


def asker(mac: str = MAC, uuid: str | None = UUID, address: str = ADDRESS) -> Asker:
    return Asker(address, (mac,), uuid)


def site() -> str:
    return find_site(settings().site).id


def started(server: str, **changes: Any) -> str:
    return armed(server, "unused", path=BootPath.NETWORK, **changes)


def asked(who: Asker | None = None) -> Ticket | None:
    found = network.ticket_for(who or asker(), site(), SECRET)
    assert not isinstance(found, network.OwnScript)
    return found


def opened(ticket: Ticket, address: str = ADDRESS) -> str | None:
    return network.job_key(ticket, address, site(), SECRET)


def test_the_server_with_an_armed_job_gets_a_key_that_its_installer_exchanges(server: str) -> None:
    job = started(server)
    ticket = asked()
    assert ticket is not None
    key = opened(ticket)
    assert key is not None
    assert claims.claim(keys.claim_key(key), token(), claimant()).job_id == job
    assert install(job).script_to == ADDRESS


def test_a_firmware_that_asks_twice_gets_the_same(server: str) -> None:
    started(server)
    assert asked() == asked() is not None


def test_a_script_shows_nothing_that_can_be_exchanged(server: str) -> None:
    """iPXE shows addresses on screens and serial lines."""
    started(server)
    ticket = asked()
    assert ticket is not None
    key = opened(ticket)
    assert key is not None
    assert ticket.word not in {key, keys.claim_key(key)}
    assert keys.claim_key(ticket.word) != keys.claim_key(key)


def test_nobody_is_given_an_installer_before_the_job_has_switched_its_server_on(server: str) -> None:
    started(server, started=False)
    assert asked() is None


def test_a_job_that_starts_from_virtual_media_gives_nothing_to_the_network(server: str) -> None:
    armed(server, "a-key")
    assert asked() is None


def test_a_machine_with_another_card_starts_from_its_disk(server: str) -> None:
    started(server)
    assert asked(asker(OTHER_MAC)) is None


def test_a_second_machine_with_the_same_mac_is_sent_to_its_disk_and_told_of(server: str) -> None:
    job = started(server)
    assert asked(asker(uuid=OTHER_UUID, address="127.0.0.66")) is None
    reason = install(job).reason
    assert reason is not None
    assert OTHER_UUID in reason
    assert "127.0.0.66" in reason
    assert asked() is not None  # the right one goes on


def test_where_no_card_is_known_the_uuid_tells_who_it_is(server: str) -> None:
    started(server, macs=[])
    assert asked(asker(OTHER_MAC, OTHER_UUID)) is None
    assert asked(asker(OTHER_MAC, None)) is None
    assert asked(asker(OTHER_MAC)) is not None


def test_a_placeholder_is_nobodys_uuid(server: str) -> None:
    started(server, macs=[], system_uuid="00000000-0000-0000-0000-000000000000")
    assert asked(asker(OTHER_MAC, "00000000-0000-0000-0000-000000000000")) is None


def test_who_asks_again_while_an_installer_is_at_work_stops_the_job_for_both(server: str) -> None:
    job = started(server)
    ticket, mine = asked(), token()
    assert ticket is not None
    key = opened(ticket)
    assert key is not None
    claims.claim(keys.claim_key(key), mine, claimant())
    assert asked(asker(address="127.0.0.66")) is None
    alarm = install(job).alarm
    assert alarm is not None
    assert "127.0.0.66" in alarm
    assert "same MAC" in alarm
    with pytest.raises(NotAllowed):
        claims.claim(keys.claim_key(key), mine, claimant())


def test_a_server_that_starts_from_its_network_first_after_the_end_is_sent_to_its_disk(server: str) -> None:
    job = started(server)
    ticket = asked()
    assert ticket is not None
    key = opened(ticket)
    assert key is not None
    mine = token()
    claims.claim(keys.claim_key(key), mine, claimant())
    waiting.allow(job, "may_write_at")
    reports.begin(mine)
    reports.report(mine, reports.Report(Phase.CONFIGURED))
    assert asked() is None
    assert install(job).alarm is None


def test_who_has_its_mac_and_tells_no_uuid_is_not_the_server_whose_uuid_is_known(server: str) -> None:
    job = started(server)
    assert asked(Asker(ADDRESS, (MAC,), None)) is None
    assert "with the UUID unknown" in (install(job).reason or "")


def test_a_jobs_files_go_to_the_address_alone_that_was_given_the_script_and_once(server: str) -> None:
    started(server)
    ticket = asked()
    assert ticket is not None
    assert opened(ticket, "127.0.0.66") is None
    assert opened(Ticket(ticket.job_id, "0" * 32)) is None
    key = opened(ticket)
    assert key is not None
    claims.claim(keys.claim_key(key), token(), claimant())
    assert opened(ticket) is None


def test_after_the_end_of_the_job_nothing_is_given(server: str) -> None:
    job = started(server)
    assert [one.job_id for one in network.armed(site())] == [job]
    claims.close(job)
    assert asked() is None
    assert network.armed(site()) == ()


def test_another_sites_boot_service_gives_nothing_of_it_and_stops_nothing(server: str) -> None:
    job = started(server)
    prepare("elsewhere", say=lambda _sentence: None)
    elsewhere = find_site("elsewhere").id
    assert network.armed(elsewhere) == ()
    assert network.ticket_for(asker(), elsewhere, SECRET) is None
    assert network.ticket_for(asker(uuid=OTHER_UUID), elsewhere, SECRET) is None
    ticket = asked()
    assert ticket is not None
    assert network.job_key(ticket, ADDRESS, elsewhere, SECRET) is None
    assert install(job).reason is None


@pytest.fixture
def tried(server: str) -> str:
    return started(server)


@trying(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(mac=st.text(max_size=20), uuid=st.none() | st.text(max_size=40))
def test_whatever_a_firmware_says_it_is_given_nothing_of_anothers(tried: str, mac: str, uuid: str | None) -> None:
    assert asked(Asker(ADDRESS, (mac,), uuid)) is None


def test_a_script_of_ones_own_goes_to_its_server_at_one_address_until_its_job_has_seen_that(server: str) -> None:
    wanted = {"script": "#!ipxe\nsanboot --drive 0x80\n"}
    with database().write() as session:
        session.execute(update(Site).values(network_boot=NetworkBoot.SCRIPT))
    job = control.submit(SYSTEM, "boot.script", server, wanted).id
    waiting.prepare(job, None, {"system_uuid": UUID, "macs": [MAC]}, BootPath.NETWORK)
    waiting.allow(job, "armed_at")
    assert network.ticket_for(asker(), site(), SECRET) is None  # not switched on for it yet
    waiting.allow(job, "may_claim_at")
    assert network.ticket_for(asker(OTHER_MAC), site(), SECRET) is None
    assert network.ticket_for(asker(uuid=OTHER_UUID), site(), SECRET) is None
    for _ in range(2):  # an answer can be lost
        given = network.ticket_for(asker(), site(), SECRET)
        assert isinstance(given, network.OwnScript)
        assert given.job_id == job
    assert network.ticket_for(asker(address="127.0.0.66"), site(), SECRET) is None
    claims.close(job)
    assert network.ticket_for(asker(), site(), SECRET) is None
