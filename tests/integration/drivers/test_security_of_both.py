"""How far a BMC is open that speaks both protocols: what one can't tell comes from the other, and silence is told."""

import threading
from collections.abc import Callable, Iterator

import pytest

from oobctl.constants import MANAGEMENT, BmcRole, Protocol, TlsMode
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import SecurityReport
from oobctl.drivers.security import merge
from oobctl.errors import BmcUnreachable
from oobctl.store import Bmc, Credential, Endpoint, database
from oobctl.vault import Secret, seal
from tests.integration.drivers.simulator import Bench
from tests.trees import Served, serve
from tests.unit.readings.samples import security

Simulate = Callable[..., Bench]


@pytest.fixture
def served() -> Iterator[Served]:
    with serve("plain") as bmc:
        yield bmc


@pytest.fixture
def bench(simulate: Simulate, served: Served) -> Bench:
    """A BMC whose IPMI is a simulator's and whose Redfish service a tree's; each has its own user of ours."""
    bench = simulate()
    with database().write() as tx:
        [bmc] = tx.query(Bmc).all()
        bmc.profile = "generic-redfish"
        endpoint = Endpoint(
            bmc_id=bmc.id, protocol=Protocol.REDFISH, address=served.address, port=served.port,
            tls_mode=TlsMode.PIN, tls_fingerprint=served.fingerprint,
        )  # fmt: skip
        tx.add(endpoint)
        tx.flush()
        sealed = seal(bench.rows.site.public_key, endpoint.id, endpoint.address, Secret(served.user, served.password))
        tx.add(Credential(endpoint_id=endpoint.id, sealed=sealed))
    return bench


def values(report: SecurityReport) -> dict[str, object]:
    return {fact.name: fact.value for fact in report.facts}


def read(connection: ConnectedBmc) -> SecurityReport:
    try:
        return connection.security.read()
    finally:
        connection.close()


def test_what_ipmi_alone_tells_is_read_where_redfish_is_preferred(bench: Bench) -> None:
    told = values(read(bench.connect()))
    assert told["cipher_zero"] is True  # as this simulator has it
    assert told["channel_privilege"] == "Administrator"
    assert told["insecure_protocols"] == "none"
    assert told["certificate_expires"]


def test_a_user_over_one_protocol_alone_is_one_of_the_others(bench: Bench) -> None:
    bench.bmc.users.add("hidden", "quite-secret-1", BmcRole.OPERATOR)
    found = read(bench.connect())
    assert {user.name for user in found.users or () if not user.ours} >= {"hidden"}
    assert "admin" in {user.name for user in found.users or () if user.ours}


def test_a_protocol_that_is_silent_is_a_problem_and_no_failure_of_the_other(bench: Bench, served: Served) -> None:
    bench.bmc.close()
    bench.simulator.stop()
    found = read(bench.connect())
    assert (values(found)["cipher_zero"], values(found)["insecure_protocols"]) == (None, "none")
    assert [problem for problem in found.problems if "over ipmi" in problem]
    served.server.stop()
    with pytest.raises(BmcUnreachable):
        read(bench.connect())


def test_the_session_that_only_this_reading_needs_ends_with_it(bench: Bench) -> None:
    with_both = bench.connect(check=lambda _who: None)
    with_both.checked(lambda: with_both.power.read())
    with_both.checked(lambda: with_both.security.read())
    assert [row.protocol for row in bench.rows.sessions()] == [Protocol.REDFISH]
    with_both.checked(lambda: with_both.security.read())
    with_both.close()


def test_another_reading_ends_no_session_that_this_one_uses(bench: Bench) -> None:
    """The monitor reads the power beside it, over the same connection."""
    with_both = bench.connect(check=lambda _who: None)

    def beside() -> SecurityReport:
        found = with_both.security.read()
        power = threading.Thread(target=lambda: with_both.checked(lambda: with_both.power.read()))
        power.start()
        power.join()
        assert {row.protocol for row in bench.rows.sessions()} == set(MANAGEMENT)
        return found

    with_both.checked(beside)
    with_both.close()
    assert bench.rows.sessions() == []


def test_a_closed_connection_logs_in_no_more(bench: Bench) -> None:
    closed = bench.connect()
    security = closed.security
    closed.close()
    with pytest.raises(BmcUnreachable, match="was closed"):
        security.read()
    assert bench.rows.sessions() == []


def test_the_worse_of_two_counts() -> None:
    found = merge([security(null_user=False, ipmi_over_lan=True, administrators=1, host_interface=None),
                   security(null_user=True, ipmi_over_lan=False, administrators=3, host_interface=True)])  # fmt: skip
    assert values(found) == {"null_user": True, "ipmi_over_lan": True, "administrators": 3, "host_interface": True}
