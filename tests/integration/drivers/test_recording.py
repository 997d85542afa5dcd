"""A recording of a rack server over both protocols: nothing of it remains in it, and nothing was done to it."""

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from oobctl.constants import Protocol
from oobctl.drivers import recording
from oobctl.drivers.redfish import Bounds
from tests.integration.drivers.rows import Rows

SERVER = "app01"


def refuse(_seconds: float) -> None:
    raise AssertionError("a recording writes nothing")


@pytest.fixture
def recorded(rows: Rows, tmp_path: Path) -> Path:
    archive = tmp_path / "record.tar.gz"
    bmc = rows.connect(rows.enrol(SERVER), fence=refuse)
    try:
        made = recording.record(bmc, bmc.identify(), {"matched": "?"}, Bounds(seconds=120), lambda _words: None)
    finally:
        bmc.close()
    recording.write(made, archive)
    return archive


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        files = [(member.name, opened.extractfile(member)) for member in opened]
        return {name: file.read() for name, file in files if file is not None}


def forms(values: list[str]) -> list[bytes]:
    """Each value as text, and numbers as the bytes of an IPMI answer have them, in both orders."""
    found = [value.casefold().encode() for value in values]
    for value in values:
        digits = value.replace(":", "").replace("-", "")
        if len(digits) in {12, 32} and all(letter in "0123456789abcdefABCDEF" for letter in digits):
            found += [bytes.fromhex(digits).hex(" ").encode(), bytes.fromhex(digits)[::-1].hex(" ").encode()]
        found.append(value.encode().hex(" ").encode())
    return found


def test_nothing_of_the_rack_server_remains_in_a_recording_over_both_protocols(rows: Rows, recorded: Path) -> None:
    there = rows.rack.servers[SERVER]
    assert there.redfish is not None
    identity: dict[str, Any] = there.identity
    values = [str(value) for value in identity.values() if value] + [SERVER]
    for way in (there.ipmi, there.redfish):
        assert way is not None
        values += [way.address, way.password]
    everything = b"\n".join(name.encode() + b"\n" + text for name, text in content(recorded).items()).lower()
    assert [value for value in forms(values) if value in everything] == []
    assert there.ipmi is not None
    user = there.ipmi.user.encode()  # as a word of its own: it begins that of a role
    assert re.search(rb"(?<![a-z0-9])" + re.escape(user) + rb"(?![a-z0-9])", everything) is None
    assert user.hex(" ").encode() not in everything


def test_the_recording_has_the_tree_the_sensors_the_log_and_the_masked_fru(rows: Rows, recorded: Path) -> None:
    files = content(recorded)
    assert [name for name in files if name.startswith("redfish/v1/Systems/")]
    answers = json.loads(files["ipmi.json"])
    good = {answer["what"] for answer in answers if answer["code"] == 0 and answer["answer"]}
    assert {"Get Device ID", "Get Chassis Status", "Get SDR", "Get Sensor Reading", "the FRU's content, masked"} <= good
    assert rows.sessions() == []


def test_recording_does_nothing_to_the_server(rows: Rows) -> None:
    before = len(rows.rack.servers[SERVER].commands())
    bmc = rows.connect(rows.enrol(SERVER), fence=refuse)
    try:
        recording.record(bmc, bmc.identify(), {}, Bounds(resources=20, seconds=30), lambda _words: None)
    finally:
        bmc.close()
    assert bmc.protocols == [Protocol.IPMI, Protocol.REDFISH]
    assert len(rows.rack.servers[SERVER].commands()) == before
