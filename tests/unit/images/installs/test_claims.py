"""Who may install: the key is exchanged once, by the right machine, after the start that the job caused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Ending, JobState
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.images.installs import claims, reports, waiting
from oobctl.images.installs.orders import Orders
from oobctl.images.installs.phases import Phase
from oobctl.jobs import lease, progress
from oobctl.store import Install, Job, Server, database
from tests.installation import Installation
from tests.reinstalls import DISK, UUID, add_image, armed, claimant, install, ready, token

KEY = "a-key-of-a-medium"
OTHER_UUID = "7d2c6a3e-91b4-4f0e-8f21-2b6a5d0c9e11"


@pytest.fixture
def server(sqlite_installation: Installation) -> str:
    add_image()
    return ready(sqlite_installation)


def test_the_key_is_exchanged_for_the_job(server: str) -> None:
    job, mine = armed(server, KEY), token()
    assert claims.claim(KEY, mine, claimant()).job_id == job
    kept = install(job)
    assert kept.claimed_at is not None
    assert kept.claimed_by is not None
    assert kept.claimed_by["disks"] == [{"serial": DISK.serial, "size": DISK.size, "model": ""}]
    with database().write() as session:
        assert claims.of_token(session, mine).job_id == job


def test_the_same_installer_may_ask_again_because_an_answer_can_be_lost(server: str) -> None:
    job, mine = armed(server, KEY), token()
    first = claims.claim(KEY, mine, claimant()).claimed_at
    assert claims.claim(KEY, mine, claimant()).claimed_at == first
    assert install(job).alarm is None


def test_a_second_claimant_stops_the_job_for_both(server: str) -> None:
    job, first = armed(server, KEY), token()
    claims.claim(KEY, first, claimant())
    with pytest.raises(NotAllowed):
        claims.claim(KEY, token(), claimant(address="127.0.0.66"))
    alarm = install(job).alarm
    assert alarm is not None
    assert "127.0.0.66" in alarm
    assert "127.0.0.9" in alarm
    with database().write() as session, pytest.raises(WrongState):
        claims.of_token(session, first)
    with pytest.raises(NotAllowed):
        claims.claim(KEY, first, claimant())


def test_nothing_is_given_before_the_job_has_started_its_server(server: str) -> None:
    job = armed(server, KEY, started=False)
    with pytest.raises(NotAllowed, match="not started"):
        claims.claim(KEY, token(), claimant())
    assert install(job).claimed_at is None


def test_a_wrong_key_or_one_of_a_job_that_is_over_opens_nothing(server: str) -> None:
    job = armed(server, KEY)
    with pytest.raises(NotFound):
        claims.claim("another", token(), claimant())
    claims.close(job)
    with pytest.raises(NotFound):
        claims.claim(KEY, token(), claimant())
    assert install(job).sealed is None


@pytest.mark.parametrize("bad", ["", "x" * 64, "ab" * 31, "AB" * 32, "ab" * 33])
def test_a_token_that_is_none_is_refused(server: str, bad: str) -> None:
    armed(server, KEY)
    with pytest.raises(InvalidParameter):
        claims.claim(KEY, bad, claimant())


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"system_uuid": "11111111-2222-4333-8444-555555555555"}, "UUID"),
        ({"macs": ("52:54:00:ff:ff:ff",)}, "network cards"),
        ({"macs": ()}, "network cards"),
    ],
)
def test_another_machine_is_refused_and_the_right_one_can_still_come(
    server: str, said: dict[str, object], word: str
) -> None:
    job = armed(server, KEY)
    with pytest.raises(NotAllowed, match=word):
        claims.claim(KEY, token(), claimant(**said))
    assert word in (install(job).reason or "")
    assert claims.claim(KEY, token(), claimant()).job_id == job


def test_a_uuid_in_another_byte_order_is_the_same_machine(server: str) -> None:
    job = armed(server, KEY)
    swapped = "7e1d1c8f-553a-0e4b-9c55-0f6a3f5b8c11"
    assert claims.claim(KEY, token(), claimant(system_uuid=swapped)).job_id == job


@pytest.mark.parametrize(
    ("disks", "word"),
    [
        ((claims.Disk("ANOTHER", DISK.size),), "0 disks DISK-1"),
        ((DISK, DISK), "2 disks DISK-1"),
        ((claims.Disk(DISK.serial, DISK.size // 2),), "were inspected"),
        ((), "0 disks DISK-1"),
    ],
)
def test_the_right_machine_with_the_wrong_disk_ends_it_unwritten(
    server: str, disks: tuple[claims.Disk, ...], word: str
) -> None:
    job = armed(server, KEY)
    with pytest.raises(NotAllowed, match=word):
        claims.claim(KEY, token(), claimant(disks=disks))
    assert install(job).phase == "refused"
    assert install(job).claimed_at is None


def test_a_disk_is_told_by_its_serial_number_and_the_installer_gets_its_real_size(server: str) -> None:
    job = armed(server, KEY)
    real = DISK.size - (100 << 20)
    claims.claim(KEY, token(), claimant(disks=(claims.Disk(DISK.serial, real),)))
    assert [disk.size for disk in Orders.from_json(install(job).orders or {}).disks] == [real]


def test_where_no_disk_is_known_the_only_one_is_taken_and_of_two_none(server: str) -> None:
    job = armed(server, KEY)
    with database().write() as session:
        row = session.get_one(Install, job)
        row.orders = {**(row.orders or {}), "disks": []}
    with pytest.raises(NotAllowed, match="no disk was named"):
        claims.claim(KEY, token(), claimant(disks=(DISK, claims.Disk("DISK-2", DISK.size))))
    with database().write() as session:
        session.get_one(Install, job).phase = None
    claims.claim(KEY, token(), claimant())
    assert Orders.from_json(install(job).orders or {}).disks[0].serial == DISK.serial


def test_what_was_not_begun_can_be_closed_as_unwritten_and_never_begins_then(server: str) -> None:
    job, mine = armed(server, KEY), token()
    claims.claim(KEY, mine, claimant())
    assert claims.close_unwritten(job)
    with database().write() as session, pytest.raises(WrongState):
        claims.of_token(session, mine)


@given(st.text())
def test_whatever_an_installer_says_of_its_disks_is_read_or_passed_over(text: str) -> None:
    for disk in claims.disks_of(text):
        assert disk.size >= 0
        assert "\t" not in disk.serial


def test_disks_are_read_line_by_line() -> None:
    said = f"vda\t4294967296\tDISK web01\tQEMU\t\t0\nbroken\nsdb\t-5\tX\tY\n{UUID}\t12a\tX\n"
    assert claims.disks_of(said) == (claims.Disk("DISK web01", 4294967296, "QEMU"),)


def test_a_machine_that_tells_no_uuid_is_not_the_one_whose_uuid_is_known(server: str) -> None:
    job = armed(server, KEY)
    with pytest.raises(NotAllowed, match="tells none"):
        claims.claim(KEY, token(), claimant(system_uuid=""))
    assert install(job).claimed_at is None


def test_a_machine_that_is_known_as_another_server_is_not_the_one_without_a_uuid(
    server: str, sqlite_installation: Installation
) -> None:
    job = armed(server, KEY)
    with database().write() as session:
        session.get_one(Install, job).expects = {"system_uuid": None, "macs": []}
        session.get_one(Server, sqlite_installation.servers["db01"]).system_uuid = OTHER_UUID
    told = install(job).orders
    for disks in (claimant().disks, (claims.Disk("ITS-OWN", 1),)):  # which fit, and which do not
        with pytest.raises(NotAllowed, match="another server here"):
            claims.claim(KEY, token(), claimant(system_uuid=OTHER_UUID, firmware="BIOS", disks=disks))
    assert install(job).claimed_at is None
    assert (install(job).orders, install(job).phase) == (told, None)  # what it is says nothing of the right one


@pytest.mark.parametrize(
    ("needs", "word"),
    [
        ({"least_memory_bytes": 1 << 30}, "512 MB of memory, and the image needs 1024"),
        ({"least_disk_bytes": 1 << 40}, "the image needs 1099511627776"),
        ({"cards": ("52:54:00:00:00:99",)}, "on the card 52:54:00:00:00:99, and the server has: "),
    ],
)
def test_a_machine_that_lacks_what_the_new_system_needs_is_refused_unwritten(
    server: str, needs: dict[str, object], word: str
) -> None:
    job = armed(server, KEY)
    with database().write() as session:
        row = session.get_one(Install, job)
        row.orders = {**(row.orders or {}), **needs}
    with pytest.raises(NotAllowed, match=word):
        claims.claim(KEY, token(), claimant())
    assert install(job).phase == Phase.REFUSED


def test_memory_that_the_kernel_keeps_is_not_missed_and_none_that_was_told_says_nothing(server: str) -> None:
    for number, memory in enumerate((470, 0)):
        job = armed(server, f"{KEY}-{number}")
        with database().write() as session:
            row = session.get_one(Install, job)
            row.orders = {**(row.orders or {}), "least_memory_bytes": 512 << 20}
        assert claims.claim(f"{KEY}-{number}", token(), claimant(memory_mb=memory)).claimed_at is not None
        with database().write() as session:
            session.get_one(Job, job).state = JobState.SUCCEEDED
            lease.give_back(session, job)


def test_the_orders_stay_as_they_were_first_told(server: str) -> None:
    job, mine = armed(server, KEY), token()
    claims.claim(KEY, mine, claimant())
    told = install(job).orders
    claims.claim(KEY, mine, claimant(disks=(claims.Disk("ANOTHER", 1),)))
    assert (install(job).orders, install(job).phase) == (told, None)


def test_an_ended_jobs_installer_begins_nothing(server: str) -> None:
    job, mine = armed(server, KEY), token()
    claims.claim(KEY, mine, claimant())
    waiting.allow(job, "may_write_at")
    with database().write() as session:
        row = session.get_one(Job, job)
        progress.end(session, row, JobState.NEEDS_ATTENTION, tag="server:os:reinstall", how=Ending.NEEDS_ATTENTION)
    with pytest.raises(WrongState):
        reports.begin(mine)
    assert install(job).sealed is None
