"""`oobctl fleet` and `oobctl server set` against a real panel."""

import json
from datetime import timedelta

from sqlalchemy import update
from typer.testing import CliRunner, Result

from oobctl import clock, readings
from oobctl.cli.main import program
from oobctl.constants import Capability, PowerState
from oobctl.drivers.readings import SensorReport
from oobctl.store import Server, database
from tests.installation import Installation
from tests.unit.readings import samples


def run(installation: Installation, *arguments: str, by: str = "admin") -> Result:
    access = {"OOBCTL_URL": installation.url, "OOBCTL_TOKEN": installation.token(by), "COLUMNS": "200"}
    return CliRunner().invoke(program, list(arguments), env=access)


def test_the_fleet_is_told_as_the_page_tells_it(sqlite_installation: Installation) -> None:
    installation, servers = sqlite_installation, sqlite_installation.servers
    at = clock.now() - timedelta(minutes=9)
    hot = SensorReport((samples.temperature("Inlet [1]", 44.0, context="Intake", caution=38.0, critical=42.0),))
    with database().write() as session:
        readings.keep(session, servers["web01"], Capability.SENSORS, hot, clock.now())
        readings.keep(session, servers["web01"], Capability.POWER_METERING, samples.METERING, clock.now())
        silent = {
            "silent_since": at,
            "silent_because": "It refused.",
            "power_state": PowerState.ON,
            "power_read_at": at,
        }
        silent["silent_code"] = "bmc_auth_failed"
        session.execute(update(Server).where(Server.id == servers["db01"]).values(silent))
    installation.start_panel()
    assert run(installation, "server", "set", "web01", "--rack", "R12", "--unit", "7").stdout == (
        "web01 stands in rack R12, unit 7.\n"
    )
    told = run(installation, "fleet", by="technician")
    assert told.exit_code == 0, told.output
    lines = [line.split(maxsplit=1) for line in told.stdout.splitlines() if line.strip()]
    hot_line = next(words for name, words in lines if name == "web01")
    assert all(words in hot_line for words in ("R12", "44 °C", "42 °C", "Inlet [1]"))
    [silent_line] = [words for name, words in lines if name == "db01"]
    assert all(words in silent_line for words in ("refuses our password", "On", "9 min ago", "It refused."))
    assert "212 W" in told.stdout
    alone = json.loads(run(installation, "fleet", "--rack", "R12", "--json").stdout)
    assert (alone["total"]["servers"], alone["silent"]) == (1, [])
    assert (
        run(installation, "server", "set", "web01", "--rack", "").stdout == "web01 stands in no rack that is known.\n"
    )
    refused = run(installation, "fleet", by="customer")
    assert (refused.exit_code, getattr(refused.exception, "code", None)) == (1, "not_allowed")
