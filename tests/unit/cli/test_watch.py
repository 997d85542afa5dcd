"""`oobctl sensors` and `oobctl event-log` against a real panel."""

import json
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from oobctl import clock, readings
from oobctl.cli import watch
from oobctl.cli.api import ApiRefused
from oobctl.cli.main import program
from oobctl.constants import Capability
from oobctl.errors import ConfigurationError
from oobctl.store import database
from tests.installation import Installation, eventually
from tests.unit.readings import samples


def keep_log(server_id: str, *numbers: int, message: str = "Fan \x1b[2J failed") -> None:
    with database().write() as session:
        found = samples.log(*(samples.entry(number, message) for number in numbers))
        readings.keep(session, server_id, Capability.EVENT_LOG, found, clock.now())


def run(installation: Installation, *arguments: str, by: str = "admin") -> Result:
    access = {"OOBCTL_URL": installation.url, "OOBCTL_TOKEN": installation.token(by), "COLUMNS": "200"}
    return CliRunner().invoke(program, list(arguments), env=access)


def test_sensors_and_the_log_over_time(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation, server_id = sqlite_installation, sqlite_installation.servers["web01"]
    installation.start_panel()
    nothing = run(installation, "sensors", "web01")
    assert (nothing.exit_code, "No history of the last 24h is kept." in nothing.stdout) == (1, True), nothing.output
    for minutes in (50, 30, 10):
        with database().write() as session:
            at = clock.now() - timedelta(minutes=minutes)
            readings.keep(session, server_id, Capability.SENSORS, samples.SENSORS, at)

    ran = run(installation, "sensors", "web01", "--since", "2h")
    assert ran.exit_code == 0, ran.output
    assert [
        word for word in ("Fan 1", "4200", "rpm", "Last 2h", "▁", "Read 10 min ago, at") if word not in ran.stdout
    ] == [], ran.stdout
    told = json.loads(run(installation, "sensors", "web01", "--since", "2h", "--step", "60", "--json").stdout)
    assert len(told["history"]["times"]) == 3
    wrong = run(installation, "sensors", "web01", "--since", "yesterday")
    assert "90m, 24h, 7d or 12w" in str(wrong.exception)

    keep_log(server_id, 1, 2, 3)
    ran = run(installation, "event-log", "web01", "--last", "2")
    assert ran.exit_code == 0, ran.output
    assert len(ran.stdout.splitlines()) == 2
    assert "\x1b" not in ran.stdout
    assert "Fan \N{REPLACEMENT CHARACTER}[2J failed" in ran.stdout

    command = ["-m", "oobctl.cli.main", "event-log", "web01", "--follow", "--json"]
    access = {"OOBCTL_URL": installation.url, "OOBCTL_TOKEN": installation.token("admin")}
    process = installation.run_python(command, name="follow", **access)
    eventually(lambda: len(process.output.splitlines()) == 3)
    keep_log(server_id, 1, 2, 3, 4, 5)
    eventually(lambda: len(process.output.splitlines()) == 5)
    entries = [json.loads(line)["entry_id"] for line in process.output.splitlines()]
    assert entries == ["1", "2", "3", "4", "5"]


def answered(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> None:
    """The panel answers with these, one after the other; what is no dict is raised."""

    def call(*_arguments: Any, **_query: Any) -> Any:
        answer = answers.pop(0)
        if not isinstance(answer, dict):
            raise answer
        return answer

    monkeypatch.setattr(watch, "call", call)
    monkeypatch.setattr(watch, "_POLL_SECONDS", 0.0)


def test_following_a_log_outlives_a_panel_that_starts_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away, full = ConfigurationError("No panel answers."), ApiRefused({"detail": "Busy.", "retryable": True})
    entry = {"id": "2", "created": None, "severity": "OK", "component": "Fan1", "message": "Fan1: It turns."}
    answers: list[Any] = [{"items": [], "next": None}, away, away, full, {"items": [entry], "next": None}, RuntimeError]
    answered(monkeypatch, answers)
    with pytest.raises(RuntimeError):
        watch.event_log("web01", follow=True)
    said = capsys.readouterr()
    assert said.err.splitlines() == ["No panel answers. Trying again.", "Busy. Trying again."]
    assert said.out.splitlines() == ["no date  OK        Fan1: It turns."]


def test_following_a_log_ends_where_it_may_not_be_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [{"items": [], "next": None}, ApiRefused({"detail": "Not yours.", "retryable": False})]
    answered(monkeypatch, answers)
    with pytest.raises(ApiRefused, match="Not yours"):
        watch.event_log("web01", follow=True)


def test_bars_show_gaps_and_a_level_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch._bars([1.0, 2.0, None, 8.0]) == "▁▂ █"
    assert watch._bars([5.0, 5.0]) == "▁▁"
    assert len(watch._bars([float(number) for number in range(1000)])) <= 24
