"""A BMC's tree and answers for a bug report: read, scrubbed, and written as an archive that tests can serve again."""

import gzip
import io
import json
import re
import tarfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oobctl import clock, profiles
from oobctl.constants import Protocol
from oobctl.drivers import vocabulary
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.identity import normalise_uuid, orders
from oobctl.drivers.interfaces import Identity
from oobctl.drivers.ipmi import Asked
from oobctl.drivers.readings import as_json
from oobctl.drivers.redfish import Bounds
from oobctl.drivers.scrub import Scrubber
from oobctl.errors import ConfigurationError

_ODD = re.compile(r"[^\w.@%+=,~$#-]")
_SURE = frozenset({"secret", "serial", "id", "mac", "address"})  # kinds whose values stand in no other word
_SHORTEST = 5
_LONGEST_NAME = 200
_ABOUT = """What oobctl read of a BMC, for a bug report.

redfish/ holds each resource as an index.json under its path; ipmi.json each question and answer in hex; about.json who
the BMC says it is, which profile matched, and what could not be read. Secrets, serial numbers, UUIDs, MAC and IP
addresses, host names, users and asset tags are placeholders: the same value is the same placeholder everywhere. Look
through it before you send it on: what a maker writes into a free text cannot be known beforehand.
"""


@dataclass(frozen=True)
class Recording:
    """What was read, with placeholders. left_out: resources in which something was found that must not be told."""

    about: dict[str, Any]
    resources: dict[str, Any]
    answers: list[dict[str, Any]]
    problems: list[str]
    left_out: int


def record(
    bmc: ConnectedBmc, identity: Identity, about: dict[str, Any], bounds: Bounds, say: Callable[[str], None]
) -> Recording:
    """Read all that the BMC tells over the protocols that it speaks, and scrub it. Nothing but readings is sent.

    say: told how far it is. Raises BmcError's subclasses where it lets nobody in.
    """
    known = bmc.known()  # before anything is asked: a BMC that goes away half way must not be in the way of it
    pages: dict[str, Any] = {}
    answers: list[Asked] = []
    problems: list[str] = []
    if Protocol.REDFISH in bmc.protocols:
        crawl = bmc.crawl(bounds)
        for page in crawl:
            if page.problem is None:
                pages[page.path] = page.content
            else:
                problems.append(f"{page.path}: {page.problem}")
            say(f"{len(pages)} resources read")
        problems += [crawl.ended] if crawl.ended else []
    if Protocol.IPMI in bmc.protocols:
        dump = bmc.dump(bounds.seconds)
        for asked in dump:
            answers.append(asked)
            say(f"{len(pages)} resources and {len(answers)} answers read")
        problems += [dump.ended] if dump.ended else []
    return _scrubbed(known, identity, about, pages, answers, problems)


def _scrubbed(
    known: list[tuple[str, str | None]],
    identity: Identity,
    about: dict[str, Any],
    pages: dict[str, Any],
    answers: list[Asked],
    problems: list[str],
) -> Recording:
    known = [*known, ("id", identity.system_uuid), ("id", identity.bmc_guid), ("mac", identity.bmc_mac)]
    known.append(("serial", identity.serial))
    scrubber = Scrubber()
    for profile in profiles.load_all():
        scrubber.spare(vocabulary.of_text(profile))
    for kind, value in known:
        scrubber.learn(kind, value)
    for content in pages.values():
        scrubber.read(content)
    sure = [value for kind, value in known if kind in _SURE and value and len(value) >= _SHORTEST]
    resources, left_out = {}, 0
    for path, content in pages.items():
        clean = scrubber.scrub(content)
        if _tells(json.dumps(clean, ensure_ascii=False), sure):
            clean, left_out = {"left_out": "It still held something that must not be told."}, left_out + 1
        resources[scrubber.text(path)] = clean
    bytes_of = _bytes(known)
    return Recording(
        scrubber.scrub({"recorded_at": clock.rfc3339(clock.now()), **about, "identity": as_json(asdict(identity))}),
        resources,
        [_answer(asked, bytes_of, scrubber) for asked in answers],
        [scrubber.text(problem) for problem in problems],
        left_out,
    )


def _tells(text: str, values: Iterable[str]) -> bool:
    folded = text.casefold()
    return any(value.casefold() in folded for value in values)


def _bytes(known: Iterable[tuple[str, str | None]]) -> list[bytes]:
    """The known values as they may stand in bytes: as text, and numbers in every order that BMCs send them in."""
    found = []
    for kind, value in known:
        if value and len(value) >= _SHORTEST:
            found.append(value.encode())
            digits = re.sub(r"[:-]", "", value) if kind in {"id", "mac"} else ""
            if digits and re.fullmatch(r"([0-9a-fA-F]{2})+", digits):
                found += [bytes.fromhex(digits), bytes.fromhex(digits)[::-1]]
            if normalise_uuid(digits):
                found += [uuid.UUID(way).bytes for way in orders(uuid.UUID(digits))]
            if kind == "address" and re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", value):
                found.append(bytes(int(part) & 0xFF for part in value.split(".")))
    return found


def _answer(asked: Asked, telling: list[bytes], scrubber: Scrubber) -> dict[str, Any]:
    data = bytes.fromhex(asked.answer)
    hidden = any(value in data for value in telling)
    said = {"what": asked.what, "request": asked.request, "code": asked.code, "answer": "" if hidden else asked.answer}
    problem = "It held something that must not be told." if hidden else asked.problem
    return said if problem is None else {**said, "problem": scrubber.text(problem)}


def write(recording: Recording, path: Path) -> int:
    """Write the archive, for its owner's eyes; returns its size in bytes.

    Raises ConfigurationError where the file is there already or can't be written.
    """
    files = {"README.txt": _ABOUT.encode(), "about.json": _json({**recording.about, "problems": recording.problems})}
    if recording.answers:
        files["ipmi.json"] = _json(recording.answers)
    for name, content in recording.resources.items():
        files[_unused(_file_of(name), files)] = _json(content)
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(_archive(files))
    except FileExistsError as error:
        raise ConfigurationError(f"{path} is there already. Give another --output, or move it away.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}. Give another --output.") from error
    return path.stat().st_size


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _file_of(path: str) -> str:
    """Where a resource lies in the archive: never outside of it."""
    parts = [_ODD.sub("_", part)[:_LONGEST_NAME] for part in path.split("/")]
    return "/".join([part for part in parts if part.strip(".")] or ["resource"]) + "/index.json"


def _unused(name: str, files: dict[str, bytes]) -> str:
    number = 2
    folder, _, file = name.rpartition("/")
    while name in files:
        name, number = f"{folder}-{number}/{file}", number + 1
    return name


def _archive(files: dict[str, bytes]) -> bytes:
    """As tar.gz, with nobody's name in it."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
