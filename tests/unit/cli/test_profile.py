"""`oobctl profile`: a wrong profile is said, a BMC's profile with its reasons, and a recording tells of no server."""

import getpass
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select
from typer.testing import CliRunner

from oobctl import profiles
from oobctl.audit.tags import Tag
from oobctl.cli.main import program
from oobctl.cli.profile import _refuse
from oobctl.config import settings
from oobctl.constants import BootEnabled, BootSource, Capability, Protocol
from oobctl.errors import ConfigurationError, OobctlError
from oobctl.profiles.load import SHIPPED
from oobctl.store import AuditRecord, Bmc, Database, Server, database
from tests.trees import (
    Served,
    captured,
    changed,
    connect_to,
    connected,
    serve,
    slots_taken,
    way,
    written,
)

GENERIC = yaml.safe_load((SHIPPED / "generic-redfish.yaml").read_text())
COMMON = {
    "0.0.0.0",
    "127.0.0.1",
    "administrator",
    "unknown",
    "username",
    "not available",
    "none",
    "default string",
    "bmc",
}
USER, PASSWORD = "hoster-7", "open sesame 4711"


def run(*arguments: str) -> Any:
    """The program's result; `said` is both of its outputs on one line each."""
    result = CliRunner().invoke(program, ["profile", *arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, OobctlError):  # as main says it
        return result.exception.message
    return result


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of profiles of one's own."""
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(home / "hwprofiles"))
    (home / "hwprofiles").mkdir()
    settings.cache_clear()
    return home / "hwprofiles"


# --- check


def test_check_shows_every_shipped_profile_and_its_evidence(home: Path) -> None:
    done = run("check")
    assert done.exit_code == 0, done.output
    for profile in profiles.load_all().values():
        (line,) = [line for line in done.output.splitlines() if line.split()[:1] == [profile.name]]
        assert len(line.split()) == 1 + len(Capability)
    assert f"{len(profiles.load_all())} profiles are right" in done.output


def test_check_names_file_and_key_of_each_wrong_profile(folder: Path) -> None:
    wrong = {**GENERIC, "name": "acme-1", "colour": "red"}
    (folder / "acme-1.yaml").write_text(yaml.safe_dump(wrong))
    unfinished = {**GENERIC, "name": "acme-2", "evidence": {"power": "simulated"}}
    (folder / "acme-2.yaml").write_text(yaml.safe_dump(unfinished))
    done = run("check")
    assert done.exit_code == 1
    assert "acme-1.yaml is wrong at the file itself: " in done.output
    assert "'colour' is not known there" in done.output
    assert "acme-2.yaml is wrong at evidence: it says nothing of boot, chassis, bmc, " in done.output
    assert "profiles are right" not in done.output


def test_check_names_all_that_is_wrong_with_a_profile_and_what_was_meant(folder: Path) -> None:
    note = {"why": "so it is said", "source": "a test"}
    wrong = {**GENERIC, "name": "acme-1", "sessions": {**GENERIC["sessions"], "ipmi": "4"}}
    wrong["quirks"] = {"bad-date": {**note, "firmware": "all"}, "boot-once-only": {**note, "firmware": "newest"}}
    (folder / "acme-1.yaml").write_text(yaml.safe_dump(wrong))
    (folder / "acme-2.yaml").write_text(yaml.safe_dump({"name": "acme-2", "based_on": "acme-1"}))
    (folder / "acme-3.yaml").write_text("")
    (folder / "acme-4.yml").write_text("")
    (folder / "acme-5.yaml").write_text(yaml.safe_dump({**GENERIC, "name": "acme-5", "bios": {}}))
    said = [line for line in run("check").output.splitlines() if line.startswith("oobctl: ")]
    assert len(said) == len(set(said)) == 6  # what is wrong with acme-1 is not said of acme-2 once more
    for words in (
        "acme-1.yaml is wrong at quirks: 'bad-date' is not known there (is 'bad-dates' meant?).",
        "acme-1.yaml is wrong at quirks.boot-once-only.firmware: 'newest' has not the right form (the firmware",
        "acme-1.yaml is wrong at sessions.ipmi: '4' is not of type 'integer' (sessions that the BMC holds).",
        "acme-3.yaml is wrong at the file itself: it has no keys with values",
        "acme-5.yaml is wrong at bios: missing is 'customer_denied', 'busy_limit', 'boot_mode'.",
        "acme-4.yml is not read: a profile's name ends with .yaml.",
    ):
        assert [line for line in said if words in line], words


def test_check_of_a_file_in_the_place_of_a_folder_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_HWPROFILES", __file__)
    settings.cache_clear()
    assert "test_profile.py is no folder" in run("check").output


def test_check_of_a_folder_that_is_missing_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(home / "nowhere"))
    settings.cache_clear()
    done = run("check")
    assert done.exit_code == 1
    assert "nowhere does not exist" in done.output


# --- match


def test_match_says_who_the_bmc_is_what_fits_why_and_what_rejected_the_others(sqlite: Database) -> None:
    tree = changed(written(), "/redfish/v1", Vendor="Dell", Oem={"Dell": {}})
    tree = changed(tree, "/redfish/v1/Managers/1", Model="15G Monolithic", FirmwareVersion="6.10.30.00")
    with serve(tree) as bmc:
        way(bmc, name="web07")
        done = run("match", "web07")
        assert [request.method for request in bmc.requests if request.method not in {"GET", "DELETE"}] == ["POST"]
    assert done.exit_code == 0, done.output
    assert "web07 has the profile generic-redfish." in done.output
    assert "bmc model: 15G Monolithic" in done.output
    assert "It fits dell-idrac9. The BMC says OEM part Dell, BMC model 15G Monolithic." in done.output
    assert "Not dell-idrac8: it asks for BMC model like ^1[23]G, and the BMC says 15G Monolithic." in done.output
    assert "oobctl server act web07 server.enroll" in done.output
    assert "Quirks of it: " in done.output
    assert "Not with this firmware: boot-virtual-cd-in-attributes (<6.00)." in done.output
    assert slots_taken() == []


def test_match_tells_the_nearest_once_and_takes_no_version_for_nearness(sqlite: Database) -> None:
    tree = changed(written(), "/redfish/v1/Systems/1", Manufacturer="Lenovish")
    with serve(changed(tree, "/redfish/v1/Managers/1", FirmwareVersion="2.11")) as bmc:
        way(bmc, name="web07")
        assert "dell" not in run("match", "web07").output  # where 2. of a Dell says which of its BMCs it is
    with serve(changed(tree, "/redfish/v1/Managers/1", Model="iLO 5")) as bmc:
        way(bmc, name="web08")
        output = " ".join(run("match", "web08").output.split())
        assert output.count("The nearest was hpe-ilo5: it asks for OEM part") == 1
        assert "Not hpe-ilo5" not in output


def test_match_of_an_unknown_server_or_an_ambiguous_name_is_said(sqlite: Database) -> None:
    assert "There is no server web07" in run("match", "web07")
    with serve("plain") as bmc:
        one = way(bmc, name="web07")
        with database().write() as session:
            row = session.get_one(Server, one)
            session.add(Server(name="web07", site_id=row.site_id, bmc_id=row.bmc_id))
        assert one in run("match", "web07")
        assert run("match", one).exit_code == 0


def test_the_fence_of_these_commands_lets_no_write_through(sqlite: Database) -> None:
    with serve("plain") as bmc:
        found = connect_to(way(bmc), fence=_refuse)
        try:
            with pytest.raises(ConfigurationError, match="writes nothing"):
                found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        finally:
            found.close()
        assert bmc.asked("PATCH") == []


# --- record


@pytest.fixture
def recorded(sqlite: Database, tmp_path: Path) -> Iterator[tuple[Served, Path]]:
    """A BMC and the archive that was made of it."""
    archive = tmp_path / "record.tar.gz"
    with serve("plain", user=USER, password=PASSWORD) as bmc:
        way(bmc, name="shop-web-17")
        done = run("record", "shop-web-17", "--output", str(archive))
        assert done.exit_code == 0, done.output
        yield bmc, archive


def content(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        files = [(member.name, opened.extractfile(member)) for member in opened]
        return {name: file.read().decode() for name, file in files if file is not None}


def telling(resources: Any) -> set[str]:
    """Serials, UUIDs, MACs, addresses, hosts and users of a tree, by its keys."""
    keys = {"SerialNumber", "UUID", "MACAddress", "PermanentMACAddress", "HostName", "FQDN", "AssetTag", "UserName"}
    keys |= {"ServiceEntryPointUUID", "DurableName"}
    found = set()
    for path in resources.paths():
        waiting = [resources.get(path)]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                found |= {value for key, value in item.items() if key in keys and isinstance(value, str) and value}
                found |= {value for key, value in item.items() if key in {"Address", "Gateway"} and "." in str(value)}
                waiting += item.values()
            elif isinstance(item, list):
                waiting += item
    return {value for value in found if value.casefold() not in COMMON and len(value) > 2}


def left_of(values: set[str], archive: Path) -> list[str]:
    """Those that stand in the archive, in a name or a file of it; a name of few letters as a word of its own."""
    everything = "\n".join(f"{name}\n{text}" for name, text in content(archive).items()).casefold()
    found = []
    for value in sorted(values):
        bounds = r"(?<![a-z0-9])%s(?![a-z0-9])" if len(value) < 7 or value.isalpha() else "%s"
        found += [value] if re.search(bounds % re.escape(value.casefold()), everything) else []
    return found


def test_no_serial_mac_uuid_address_user_or_password_remains_in_a_recording(recorded: tuple[Served, Path]) -> None:
    bmc, archive = recorded
    values = telling(bmc.state.resources) | {USER, PASSWORD, bmc.address, "shop-web-17"}
    assert len(values) > 20
    assert left_of(values, archive) == []


def test_a_server_called_like_its_maker_leaves_the_words_of_a_recording_alone(sqlite: Database, tmp_path: Path) -> None:
    archive = tmp_path / "record.tar.gz"
    tree = changed(written(), "/redfish/v1", Vendor="Dell", Name="Root Service", Oem={"Dell": {}})
    tree = changed(tree, "/redfish/v1/Systems/1", Manufacturer="Dell Inc.", HostName="dell")
    with serve(tree, user="root", password=PASSWORD) as bmc:
        way(bmc, name="dell")
        with database().write() as session:
            session.query(Bmc).one().profile = "dell-idrac9"
        assert run("record", "dell", "--output", str(archive)).exit_code == 0
    files = {name: json.loads(text) for name, text in content(archive).items() if name.endswith(".json")}
    assert files["about.json"]["profile"] == "dell-idrac9"
    root = files["redfish/v1/index.json"]
    assert (root["Vendor"], root["Name"]) == ("Dell", "Root Service")
    system = files["redfish/v1/Systems/1/index.json"]
    assert (system["Manufacturer"], system["HostName"]) == ("Dell Inc.", "host-0001")


def test_the_key_of_an_inserted_image_is_in_no_recording(sqlite: Database, tmp_path: Path) -> None:
    """It still opens the image: whoever got the recording could fetch it."""
    key, archive = "Zk3_aB9-xQ0vLm7TtR5wYc2E", tmp_path / "record.tar.gz"
    url = f"{settings().media_address}/media/{key}/rescue.iso"
    tree = changed(written(), "/redfish/v1/Systems/1/VirtualMedia/Cd1", Image=url, Inserted=True, Oem={"Source": url})
    with serve(changed(tree, "/redfish/v1/Managers/1", LastMessage=f"mounted {url}")) as bmc:
        way(bmc)
        assert run("record", "web01", "--output", str(archive)).exit_code == 0
    files = content(archive)
    assert "rescue.iso" in files["redfish/v1/Systems/1/VirtualMedia/Cd1/index.json"]
    assert "mounted http" in files["redfish/v1/Managers/1/index.json"]
    assert [name for name, text in files.items() if key in name + text] == []


def test_a_recording_has_the_whole_tree_and_says_who_the_bmc_is(recorded: tuple[Served, Path]) -> None:
    bmc, archive = recorded
    files = content(archive)
    about = json.loads(files["about.json"])
    assert about["matched"] == "generic-redfish"
    assert about["identity"]["model"] == "EX-200"
    assert [problem for problem in about["problems"] if "/Entries/" not in problem] == []  # some stand inline alone
    expected = {
        path for path in bmc.state.resources.paths() if path.startswith("/redfish/v1") and "Session" not in path
    }
    assert len([name for name in files if name.endswith("index.json")]) >= 0.9 * len(expected)


def test_a_recording_can_be_served_again_and_finds_the_same_profile(sqlite: Database, tmp_path: Path) -> None:
    tree = changed(written(), "/redfish/v1", Vendor="HPE", Oem={"Hpe": {}})
    tree = changed(tree, "/redfish/v1/Managers/1", Model="iLO 6", FirmwareVersion="iLO 6 v1.56")
    archive = tmp_path / "record.tar.gz"
    with serve(tree) as bmc:
        way(bmc)
        assert run("record", "web01", "--output", str(archive)).exit_code == 0
    with serve(archive, user="admin", password="x" * 8) as again, connected(again, name="web02") as found:
        assert profiles.match(found.bmc.identity(), [Protocol.REDFISH]).profile.name == "hpe-ilo6"
        assert found.power.read() == "On"


def test_a_recording_is_for_its_owner_alone_and_overwrites_nothing(recorded: tuple[Served, Path]) -> None:
    _, archive = recorded
    assert archive.stat().st_mode & 0o777 == 0o600
    before = archive.read_bytes()
    assert f"{archive} is there already" in run("record", "shop-web-17", "--output", str(archive))
    assert archive.read_bytes() == before


def test_where_nothing_can_be_written_is_said_before_a_bmc_is_asked(recorded: tuple[Served, Path]) -> None:
    bmc, archive = recorded
    asked = len(bmc.requests)
    assert f"{archive.parent} is a folder" in run("record", "shop-web-17", "--output", str(archive.parent))
    nowhere = archive.parent / "nowhere"
    assert f"{nowhere} does not exist" in run("record", "shop-web-17", "--output", str(nowhere / "x.tgz"))
    assert len(bmc.requests) == asked


@pytest.mark.parametrize("command", ["match", "record"])
def test_whoever_reads_a_bmc_for_a_profile_leaves_a_record(sqlite: Database, tmp_path: Path, command: str) -> None:
    more = ["--output", str(tmp_path / "record.tar.gz")] if command == "record" else []
    with serve("plain") as bmc:
        server = way(bmc, name="web07")
        assert run(command, "web07", *more).exit_code == 0
    with database().read() as session:
        found = session.scalars(select(AuditRecord)).one()
        assert (found.tag, found.server_id, found.account_id) == (str(Tag.SERVER_PROFILE_READ), server, None)
        assert found.parameters == {"command": command, "unix_user": getpass.getuser()}


def test_recording_reads_and_never_writes(recorded: tuple[Served, Path]) -> None:
    bmc, _ = recorded
    others = [(request.method, request.path) for request in bmc.requests if request.method != "GET"]
    assert [method for method, _ in others] == ["POST", "DELETE"]
    assert all("Sessions" in path for _, path in others)


def test_a_resource_that_the_bmc_refuses_is_named_and_the_rest_is_kept(sqlite: Database, tmp_path: Path) -> None:
    archive = tmp_path / "record.tar.gz"
    tree = changed(written(), "/redfish/v1/Systems/1", Broken={"@odata.id": "/redfish/v1/Systems/1/Nothing"})
    with serve(tree) as bmc:
        way(bmc)
        done = run("record", "web01", "--output", str(archive))
    assert "Not read: /redfish/v1/Systems/1/Nothing: " in done.output
    assert "IPMI" not in done.output  # nobody asked over it
    problems = json.loads(content(archive)["about.json"])["problems"]
    assert [problem for problem in problems if problem.startswith("/redfish/v1/Systems/1/Nothing: ")]
    assert "redfish/v1/Systems/1/index.json" in content(archive)


@pytest.mark.parametrize("kind", ["hpe", "supermicro", "redfishctl_supermicro_x10"])
def test_a_recording_of_a_captured_bmc_tells_of_no_server(tree: Path, sqlite: Database, tmp_path: Path) -> None:
    archive = tmp_path / "record.tar.gz"
    with serve(tree, user=USER, password=PASSWORD) as bmc:
        way(bmc)
        with database().write() as session:
            session.query(Bmc).one().profile = "generic-redfish"
        assert run("record", "web01", "--output", str(archive)).exit_code == 0
        values = telling(bmc.state.resources)
    left = [value for value in left_of(values, archive) if len(value) > 4]
    assert len(left) == 0, f"{len(left)} of {len(values)} values are left"  # not which: they are real


@pytest.fixture
def tree(kind: str) -> Path:
    return captured(kind)
