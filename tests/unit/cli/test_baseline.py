"""`oobctl baseline` against a real panel: BIOS settings are saved, listed, compared with and removed."""

from datetime import timedelta

from typer.testing import CliRunner, Result

from oobctl import clock, readings
from oobctl.cli.main import program
from oobctl.constants import Capability
from oobctl.drivers.readings import BiosReport
from oobctl.errors import OobctlError
from oobctl.store import database
from tests.installation import Installation


def keep(installation: Installation, seconds: int, **values: str) -> None:
    with database().write() as session:
        at = clock.now() + timedelta(seconds=seconds)
        readings.keep(session, installation.servers["web01"], Capability.BIOS, BiosReport(values, {}, None, ()), at)


def test_bios_settings_are_saved_listed_compared_with_and_removed(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    access = {"OOBCTL_URL": sqlite_installation.url, "OOBCTL_TOKEN": sqlite_installation.token("customer")}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(program, ["baseline", *arguments], env={**access, "COLUMNS": "200"})

    keep(sqlite_installation, 0, BootMode="Uefi", Turbo="[on]")
    assert "No BIOS settings of web01 are saved yet" in run("list", "web01").stdout
    assert "Saved 2 settings of web01 as as new." in run("save", "web01", "as new").stdout
    assert isinstance(run("save", "web01", "as new").exception, OobctlError)
    assert run("save", "web01", "as new", "--replace").exit_code == 0
    assert "as new" in run("list", "web01").stdout
    same = run("diff", "web01", "as new")
    assert (same.exit_code, "Nothing differs from as new." in same.stdout) == (0, True), same.output
    keep(sqlite_installation, 1, BootMode="Uefi", Turbo="[off]")
    other = run("diff", "web01", "as new")
    assert (other.exit_code, "BootMode" in other.stdout) == (1, False)
    assert all(word in other.stdout for word in ("Turbo", "[on]", "[off]")), other.output
    assert run("remove", "web01", "as new").exit_code == 0
    assert "No BIOS settings of web01 are saved yet" in run("list", "web01").stdout
