"""Users of a BMC and how far it is open, on a real BMC stack; another client proves who gets in."""

import logging
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from oobctl.constants import BmcRole
from oobctl.drivers.readings import BmcUser, Scalar
from oobctl.errors import BmcRefused, NotFound, OutcomeUnknown
from oobctl.profiles.model import SECURITY_FACTS
from oobctl.store import Credential, Endpoint, database
from oobctl.vault import Secret, seal
from tests.integration.drivers.simulator import PASSWORD, USER, Bench
from tests.relay import Relay

Simulate = Callable[..., Bench]
TEMPORARY, SECRET = "temp1", "quite-secret-1"


@pytest.fixture
def bench(simulate: Simulate) -> Bench:
    return simulate()


def users(bench: Bench) -> dict[str, BmcUser]:
    return {user.name: user for user in bench.bmc.users.read().users}


def facts(bench: Bench) -> dict[str, Scalar | None]:
    return {fact.name: fact.value for fact in bench.bmc.security.read().facts}


def test_a_user_that_was_added_gets_in_with_its_role_and_no_more(bench: Bench) -> None:
    number = bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    added = users(bench)[TEMPORARY]
    assert (added.user_id, added.role, added.ours) == (number, BmcRole.OPERATOR, False)
    peers = bench.simulator.peers()
    assert peers.lets_in(TEMPORARY, SECRET, privilege="OPERATOR")
    assert not peers.lets_in(TEMPORARY, "another", privilege="OPERATOR")
    [listed] = [line for line in peers.ipmitool("user", "list", "1").splitlines() if TEMPORARY in line]
    assert listed.split() == [number, TEMPORARY, "true", "false", "true", "OPERATOR"]


def test_a_user_that_is_there_already_gets_this_password_and_role(bench: Bench) -> None:
    first = bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    assert bench.bmc.users.add(TEMPORARY, "another-secret", BmcRole.READ_ONLY) == first
    assert users(bench)[TEMPORARY].role is BmcRole.READ_ONLY
    assert not bench.simulator.peers().lets_in(TEMPORARY, SECRET)
    assert bench.simulator.peers().lets_in(TEMPORARY, "another-secret")


def test_a_user_that_was_removed_gets_in_no_more_and_a_repeat_counts_as_done(bench: Bench) -> None:
    bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    bench.bmc.users.remove(TEMPORARY)
    bench.bmc.users.remove(TEMPORARY)
    assert set(users(bench)) == {USER}
    assert not bench.simulator.peers().lets_in(TEMPORARY, SECRET)


def test_the_first_place_of_the_profile_is_taken_and_places_run_out(simulate: Simulate) -> None:
    bench = simulate(profile={"users.first_slot": 62})
    assert bench.bmc.users.read().free == 2
    assert bench.bmc.users.add("one", SECRET, BmcRole.OPERATOR) == "62"
    assert bench.bmc.users.add("two", SECRET, BmcRole.OPERATOR) == "63"
    with pytest.raises(BmcRefused, match="All 63 places for users of this BMC are taken"):
        bench.bmc.users.add("three", SECRET, BmcRole.OPERATOR)
    assert (bench.bmc.users.read().free, bench.bmc.users.read().capacity) == (0, 63)


@pytest.mark.parametrize(
    ("name", "password", "role"),
    [
        ("", SECRET, BmcRole.OPERATOR),
        ("a" * 17, SECRET, BmcRole.OPERATOR),
        ("with space", SECRET, BmcRole.OPERATOR),
        ("\xe9t\xe9", SECRET, BmcRole.OPERATOR),
        (USER, SECRET, BmcRole.OPERATOR),  # our own
        (TEMPORARY, "", BmcRole.OPERATOR),
        (TEMPORARY, "p" * 17, BmcRole.OPERATOR),
        (TEMPORARY, "line\nend", BmcRole.OPERATOR),
        (TEMPORARY, SECRET, BmcRole.OTHER),
    ],
)
def test_what_a_bmc_can_not_take_is_refused_and_nothing_is_sent(
    bench: Bench, name: str, password: str, role: BmcRole
) -> None:
    with pytest.raises(BmcRefused) as caught:
        bench.bmc.users.add(name, password, role)
    assert bench.rows.fences == []
    assert SECRET not in caught.value.message


def test_our_own_user_and_the_one_without_a_name_are_never_removed(bench: Bench) -> None:
    with pytest.raises(BmcRefused, match="oobctl itself logs in as"):
        bench.bmc.users.remove(USER)
    bench.bmc.users.remove("")  # there is no user of that name
    assert bench.rows.fences == []
    assert bench.simulator.peers().lets_in(USER, PASSWORD)


def test_each_write_to_the_users_asks_the_fence(bench: Bench) -> None:
    bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    assert len(bench.rows.fences) == 5  # disable, name, password, access, enable
    bench.bmc.users.set_password(TEMPORARY, "another-secret")
    assert len(bench.rows.fences) == 6


def test_another_users_password_is_changed(bench: Bench) -> None:
    bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    for _ in range(2):  # a repeat does no harm
        bench.bmc.users.set_password(TEMPORARY, "another-secret")
    assert not bench.simulator.peers().lets_in(TEMPORARY, SECRET)
    assert bench.simulator.peers().lets_in(TEMPORARY, "another-secret")
    with pytest.raises(NotFound):
        bench.bmc.users.set_password("nobody", SECRET)


@pytest.mark.parametrize("password", ["p", "q" * 15, "r" * 16])
def test_a_password_is_kept_to_its_last_letter(bench: Bench, password: str) -> None:
    bench.bmc.users.add(TEMPORARY, password, BmcRole.OPERATOR)
    assert bench.simulator.peers().lets_in(TEMPORARY, password)
    assert not bench.simulator.peers().lets_in(TEMPORARY, password[:-1] + "x")


def test_our_own_password_is_changed_over_our_own_session(bench: Bench) -> None:
    bench.bmc.users.set_password(USER, "new-and-better")
    assert not bench.simulator.peers().lets_in(USER, PASSWORD)
    assert bench.simulator.peers().lets_in(USER, "new-and-better")
    assert bench.rows.parked() == []


class Mute(Relay):
    """A line to the BMC on which answers get lost from some moment on; no request does."""

    mute = False

    def back(self, data: bytes, client: tuple[str, int]) -> None:
        if not self.mute:
            super().back(data, client)


@pytest.fixture
def mute(simulate: Simulate) -> Iterator[tuple[Bench, Mute]]:
    bench = simulate(profile={"timeouts.longest_send": 1})
    relay = Mute(bench.simulator.address, bench.simulator.port)
    with database().write() as tx:
        endpoint = tx.query(Endpoint).one()
        endpoint.port = relay.port
        sealed = seal(bench.rows.site.public_key, endpoint.id, endpoint.address, Secret(USER, PASSWORD))
        tx.execute(update(Credential).values(sealed=sealed))
    yield bench, relay
    relay.stop()


def test_our_own_password_whose_answer_is_lost_is_sent_once_and_parks_no_credential(mute: tuple[Bench, Mute]) -> None:
    bench, relay = mute

    def from_now_on(_seconds: float) -> None:
        relay.mute = True

    bmc = bench.connect(fence=from_now_on)
    with pytest.raises(OutcomeUnknown):
        bmc.users.set_password(USER, "new-and-better")
    assert bench.rows.parked() == []
    assert bench.simulator.peers().lets_in(USER, "new-and-better")  # it arrived
    relay.mute = False
    bmc.close()


def test_no_password_is_written_to_any_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.bmc.users.add(TEMPORARY, SECRET, BmcRole.OPERATOR)
    bench.bmc.users.set_password(TEMPORARY, SECRET + "2")
    bench.bmc.users.remove(TEMPORARY)
    assert SECRET not in caplog.text
    assert SECRET.encode().hex() not in caplog.text


# --- security


def test_every_fact_is_told_or_says_why_not(bench: Bench) -> None:
    report = bench.bmc.security.read()
    assert {fact.name for fact in report.facts} == set(SECURITY_FACTS)
    assert all(fact.detail for fact in report.facts if fact.value is None)
    assert {fact.name for fact in report.facts if fact.value is None} == {
        "host_interface", "insecure_protocols", "certificate_expires",
    }  # fmt: skip


def test_cipher_suite_0_is_told_as_open_where_another_client_gets_in_by_it_without_a_password(bench: Bench) -> None:
    assert bench.simulator.peers().lets_in(USER, "wrong", suite=0)
    assert facts(bench)["cipher_zero"] is True


def test_the_channel_is_told_as_ipmitool_tells_it(bench: Bench) -> None:
    told = facts(bench)
    said = bench.simulator.peers().ipmitool("channel", "info", "1")
    volatile = said[said.index("Volatile(active) Settings") : said.index("Non-Volatile Settings")]
    assert "Access Mode         : always available" in volatile
    assert (told["channel_access"], told["ipmi_over_lan"]) == (True, True)
    assert told["channel_privilege"] == "Administrator"


def test_users_count_by_what_they_may(bench: Bench) -> None:
    before = facts(bench)
    assert (before["administrators"], before["other_users"], before["default_user"]) == (1, 0, True)
    bench.bmc.users.add("root", SECRET, BmcRole.ADMINISTRATOR)
    bench.bmc.users.add("reader", SECRET, BmcRole.READ_ONLY)
    bench.bmc.users.add("nothing", SECRET, BmcRole.NO_ACCESS)
    after = facts(bench)
    assert (after["administrators"], after["other_users"]) == (2, 2)
    [default] = [fact for fact in bench.bmc.security.read().facts if fact.name == "default_user"]
    assert default.detail == "admin, root"


def test_a_user_without_a_name_that_may_log_in_is_not_called_off(bench: Bench) -> None:
    assert facts(bench)["null_user"] is False
    bench.simulator.peers().ipmitool("raw", "0x06", "0x43", "0x91", "0x01", "0x04")  # it may administrate
    [null] = [fact for fact in bench.bmc.security.read().facts if fact.name == "null_user"]
    assert null.value is None
    assert null.detail == "The BMC does not tell whether user 1, which has no name, is enabled."
