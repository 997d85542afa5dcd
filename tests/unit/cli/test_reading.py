"""`oobctl server read` against a real panel: tables for people, JSON for programs, 1 where nothing was read."""

import json
from datetime import timedelta

from typer.testing import CliRunner, Result

from oobctl import clock, readings
from oobctl.cli.main import program
from oobctl.constants import READ_CAPABILITIES, Capability
from oobctl.errors import NotSupported, OobctlError
from oobctl.readings import Report
from oobctl.store import database
from tests.installation import Installation
from tests.unit.readings import samples

FOUND: dict[Capability, Report | OobctlError] = {
    Capability.HEALTH: samples.HEALTH,
    Capability.SENSORS: samples.SENSORS,
    Capability.EVENT_LOG: samples.log(*(samples.entry(number, "Fan [2] failed") for number in range(250))),
    Capability.INVENTORY: samples.INVENTORY,
    Capability.BIOS: samples.BIOS,
    Capability.VIRTUAL_MEDIA: samples.MEDIA,
    Capability.POWER_METERING: samples.METERING,
    Capability.USERS: samples.USERS,
    Capability.SECURITY: samples.security(cipher_zero=True),
}
SHOWN = {
    "health": ("Warning", "below its lower limit", "told by 12 parts"),
    "sensors": ("Fan 1", "4200", "rpm", "The sensor 0x40 could not be decoded."),
    "event-log": ("no date", "Critical", "Fan [2] failed"),
    "inventory": ("DIMM A1", "02:00:00:00:00:01", "1.2.3.4"),
    "bios": ("BootMode", "Uefi", "Bios"),
    "virtual-media": ("Cd", "CD, DVD", "rescue.iso"),
    "power-metering": ("Chassis", "212.5"),
    "users": ("admin", "Administrator", "yes"),
    "security": ("cipher_zero", "yes", "no"),
}


def test_each_reading_is_a_table_with_its_age(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    with database().write() as session:
        for capability, found in FOUND.items():
            readings.keep(session, sqlite_installation.servers["web01"], capability, found, clock.now())
        lacking = NotSupported("This BMC has no BIOS settings.")
        at = clock.now() + timedelta(seconds=1)
        readings.keep(session, sqlite_installation.servers["db01"], Capability.BIOS, lacking, at)

    def run(*arguments: str, by: str = "admin") -> Result:
        access = {"OOBCTL_URL": sqlite_installation.url, "OOBCTL_TOKEN": sqlite_installation.token(by)}
        return CliRunner().invoke(program, ["server", "read", *arguments], env={**access, "COLUMNS": "200"})

    for name, words in SHOWN.items():
        ran = run("web01", name)
        assert ran.exit_code == 0, ran.output
        assert [word for word in (*words, "Read ", " s ago") if word not in ran.stdout] == [], ran.stdout
    entries = json.loads(run("web01", "event-log", "--json").stdout)["items"]
    assert [item["entry_id"] for item in entries] == [str(number) for number in reversed(range(250))]
    assert json.loads(run("web01", "sensors", "--json").stdout)["sensors"][0]["name"] == "Fan 1"
    lacks, unread = run("db01", "bios"), run("db01", "sensors")
    assert (lacks.exit_code, unread.exit_code) == (1, 1)
    assert "This BMC has no BIOS settings. [not_supported]" in lacks.stdout
    assert "Not read yet. Add --now" in unread.stdout
    assert "Only staff" in str(run("web01", "users", by="customer").exception)
    assert run("web01", "fans").exit_code == 2


def test_every_capability_has_its_table() -> None:
    assert {name.replace("-", "_") for name in SHOWN} == {str(name) for name in READ_CAPABILITIES}
