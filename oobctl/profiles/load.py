"""Reading hwprofiles: YAML files checked against a closed JSON Schema; every error names its file and key."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from oobctl.config import settings
from oobctl.constants import BootMode, BootPath, Capability, EventWay, Evidence, Firmware, FirmwareState, Protocol
from oobctl.errors import ConfigurationError
from oobctl.profiles import launch as launches
from oobctl.profiles.criteria import Criteria
from oobctl.profiles.faults import faults
from oobctl.profiles.model import (
    BiosSettings,
    BootModeAttribute,
    BootSettings,
    BootValidBit,
    ConsoleSettings,
    EventLogSettings,
    EventSettings,
    InstallSettings,
    InventorySettings,
    IpmiSettings,
    MediaSettings,
    PowerLimits,
    Profile,
    SessionLimits,
    SetupKey,
    Timeouts,
    UserSettings,
    WebsocketConsole,
)
from oobctl.profiles.quirks import Quirk, QuirkNote

SHIPPED = Path(__file__).resolve().parents[2] / "hwprofiles"  # next to the package, in a checkout and in the wheel


def find(name: str) -> Profile:
    """The profile of that name.

    Raises ConfigurationError, saying what to do, where there is none or a profile file is wrong.
    """
    profiles = load_all()
    if name not in profiles:
        raise ConfigurationError(
            f"There is no hardware profile {name!r}. Known are: {', '.join(sorted(profiles))}. Put {name}.yaml into "
            f"{settings().hwprofiles or 'the folder that OOBCTL_HWPROFILES names'}, or give the BMC a known profile."
        )
    return profiles[name]


def load_all() -> dict[str, Profile]:
    """All profiles by name: the shipped ones and those of the configured folder, which may replace a shipped one.

    Raises ConfigurationError, naming file and key, where one is wrong.
    """
    return _load_folders(SHIPPED, settings().hwprofiles)


def check() -> tuple[list[Profile], list[str]]:
    """All profiles that are right, by name, and all that is wrong with the others, naming file and key.

    More is asked for than to load one: each must say of every capability what its claim rests on.
    """
    found: list[Profile] = []
    problems: list[str] = []
    try:
        files = _all_files(SHIPPED, settings().hwprofiles)
    except ConfigurationError as error:
        return [], [error.message]
    for stem in sorted(files):
        try:
            profile = read(files[stem], files)
        except ConfigurationError as error:
            problems += [error.message, *error.details.get("also", [])]
            continue
        missing = [str(capability) for capability in Capability if capability not in profile.evidence]
        if missing:
            problems.append(f"The profile {files[stem]} is wrong at evidence: it says nothing of {', '.join(missing)}.")
        found.append(profile)
    for folder in filter(None, (SHIPPED, settings().hwprofiles)):
        problems += [f"{path} is not read: a profile's name ends with .yaml." for path in sorted(folder.glob("*.yml"))]
    return found, list(dict.fromkeys(problems))  # what is wrong with a base is so for each that is based on it


@lru_cache(maxsize=8)
def _load_folders(shipped: Path, more: Path | None) -> dict[str, Profile]:
    files = _all_files(shipped, more)
    return {stem: read(path, files) for stem, path in files.items()}


def _all_files(shipped: Path, more: Path | None) -> dict[str, Path]:
    return {path.stem: path for folder in (shipped, more) if folder is not None for path in _files(folder)}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        is_there = "is no folder" if folder.exists() else "does not exist"
        raise ConfigurationError(f"The folder of hardware profiles {folder} {is_there}. Make it, or unset it.")
    return sorted(folder.glob("*.yaml"))


def read(path: Path, files: Mapping[str, Path] | None = None) -> Profile:
    """One profile file; `files` are those that it can be based on, by name (None: the shipped ones).

    Raises ConfigurationError, naming the file and the key, where it cannot be read or breaks the schema; what more
    is wrong with it is in the detail `also`.
    """
    files = {shipped.stem: shipped for shipped in _files(SHIPPED)} if files is None else files
    return _build(_whole(path, files, ()))


def _whole(path: Path, files: Mapping[str, Path], above: tuple[str, ...]) -> dict[str, Any]:
    """A file's content with that of the profile it is based on under it, checked against the schema."""
    content = _content(path)
    if isinstance(content, dict) and "based_on" in content:
        base = content.pop("based_on")
        if not isinstance(base, str) or base in (*above, path.stem) or base not in files:
            known = ", ".join(sorted(files.keys() - {path.stem}))
            raise ConfigurationError(
                f"The profile {path} is wrong at based_on: {base!r} is no other profile. There are: {known}."
            )
        content = _over(_whole(files[base], files, (*above, path.stem)), content)
    found = [f"The profile {path} is wrong at {fault}." for fault in faults(content, SHIPPED / "schema.json")]
    if found:
        raise ConfigurationError(found[0], also=found[1:])
    if content["name"] != path.stem:
        raise ConfigurationError(f"The profile {path} is wrong at name: it must be the file's name, {path.stem!r}.")
    whole: dict[str, Any] = content
    return whole


class _OneOfEach(yaml.SafeLoader):
    """YAML in which no key stands twice: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands there twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _content(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_OneOfEach)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigurationError(f"The profile {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The profile {path} is not YAML: {' '.join(str(error).split())}.") from error


_TAKEN_WHOLE = frozenset({"match", "evidence"})  # what a BMC is, and what was tried on it, is its own
_ADDED = frozenset({"customer_denied", "skipped"})  # what no BMC allows, this one allows neither


def _over(base: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """What is said in `content` takes the place of what the base says, key by key; null takes a quirk out.

    What is denied or skipped is added to what the base denies or skips.
    """
    merged = dict(base)
    for key, value in content.items():
        inherited = base.get(key)
        if key not in _TAKEN_WHOLE and isinstance(inherited, dict) and isinstance(value, dict):
            merged[key] = inherited | {name: _added(name, inherited.get(name), said) for name, said in value.items()}
        else:
            merged[key] = value
    if isinstance(merged.get("quirks"), dict):
        merged["quirks"] = {name: note for name, note in merged["quirks"].items() if note is not None}
    return merged


def _added(name: str, inherited: Any, said: Any) -> Any:
    if name in _ADDED and isinstance(inherited, list) and isinstance(said, list):
        return [*inherited, *(item for item in said if item not in inherited)]
    return said


def _consoles(content: dict[str, Any]) -> ConsoleSettings:
    websocket, launch, key = content["websocket"], content["launch"], content["setup_key"]
    return ConsoleSettings(
        content["idle_limit"],
        content["longest"],
        None if websocket is None else WebsocketConsole(**websocket),
        None if launch is None else launches.build(launch),
        None if key is None else SetupKey(**key),
    )


def _boot_mode(content: dict[str, Any] | None) -> BootModeAttribute | None:
    if content is None:
        return None
    return BootModeAttribute(content["attribute"], {firmware: tuple(content[firmware]) for firmware in Firmware})


def _build(content: dict[str, Any]) -> Profile:
    boot, ipmi, media, bios = content["boot"], content["ipmi"], content["media"], content["bios"]
    install = content["install"]
    return Profile(
        name=content["name"],
        title=content["title"],
        protocols=tuple(Protocol(value) for value in content["match"]["protocols"]),
        any_of=tuple(_criteria(wanted) for wanted in content["match"]["any_of"]),
        transports={key: tuple(Protocol(value) for value in order) for key, order in content["transports"].items()},
        timeouts=Timeouts(**content["timeouts"]),
        power=PowerLimits(**content["power"]),
        bmc_back_limit=content["bmc"]["back_limit"],
        bmc_refusal_pause=content["bmc"]["refusal_pause"],
        sessions=SessionLimits(**content["sessions"]),
        polling={Capability(key): seconds for key, seconds in content["polling"].items()},
        ipmi=IpmiSettings(
            tuple(ipmi["cipher_suites"]),
            ipmi["privilege"],
            ipmi["boot_valid_bit"] and BootValidBit(ipmi["boot_valid_bit"]),
        ),
        boot=BootSettings(boot["override_expiry"], boot["used_within"], boot["mode"] and BootMode(boot["mode"])),
        install=InstallSettings(**{**install, "boot_paths": tuple(BootPath(path) for path in install["boot_paths"])}),
        media=MediaSettings(tuple(media["fetches"]), tuple(media["slots"])),
        bios=BiosSettings(tuple(bios["customer_denied"]), bios["busy_limit"], _boot_mode(bios["boot_mode"])),
        users=UserSettings(**content["users"]),
        event_log=EventLogSettings(tuple(content["event_log"]["skipped"])),
        events=EventSettings(tuple(EventWay(way) for way in content["events"]["ways"])),
        consoles=_consoles(content["consoles"]),
        inventory=InventorySettings(
            {start: FirmwareState(word) for start, word in content.get("inventory", {}).get("firmware_ids", {}).items()}
        ),
        security_baseline=content["security"]["baseline"],
        quirks={Quirk(name): QuirkNote(**note) for name, note in content["quirks"].items()},
        evidence={Capability(key): Evidence(word) for key, word in content["evidence"].items()},
    )


def _criteria(wanted: dict[str, Any]) -> Criteria:
    """Patterns are text; numbers are one or several."""
    return Criteria(
        {
            name: value if isinstance(value, str) else tuple(value if isinstance(value, list) else (value,))
            for name, value in wanted.items()
        }
    )
