"""Hardware profiles for tests: the shipped ones with other limits, and ones based on them with other quirks."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from oobctl.lab.redfish_service.trees.behaviours import BEHAVIOURS
from oobctl.profiles.load import SHIPPED, read
from oobctl.profiles.quirks import Quirk

QUICK: dict[str, Any] = {"power.cycle_dwell": 0.5, "bmc.back_limit": 60, "bmc.refusal_pause": 2}


def write_profiles(folder: Path, changes: dict[str, Any]) -> Path:
    """Both generic profiles with `changes` ("power.cycle_dwell": 0.5). Returns the folder, for OOBCTL_HWPROFILES."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in SHIPPED.glob("generic-*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            section, _, name = key.partition(".")
            assert name in content[section], key
            content[section][name] = value
        (folder / path.name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


OF_OTHER_TESTS = {
    Quirk.PASSWORD_CHANGE_REQUIRED,  # nothing works there before it is changed
    Quirk.POST_BUSY_400,  # waits for seconds
    Quirk.BOOT_OVERRIDE_REFUSED,  # nothing is to be had there
}


def behaviours_of(profile: str) -> list[str]:
    """How the lab's Redfish service behaves with all of a shipped profile's quirks, as far as all can be at once."""
    quirks = [quirk for quirk in read(SHIPPED / f"{profile}.yaml").quirks if quirk in BEHAVIOURS]
    quirks.sort(key=lambda quirk: quirk is Quirk.GZIP_ONLY_REGISTRIES)  # what is packed is not changed any more
    return [str(quirk) for quirk in quirks if quirk not in OF_OTHER_TESTS]


class Derived:
    """Profiles based on a shipped one, each with quirks taken out or put in, in folders for OOBCTL_HWPROFILES.

    `use` is told the folder after each new profile (a profile that was read stays as it was).
    """

    def __init__(self, folder: Path, use: Callable[[Path], None]) -> None:
        self._folder, self._use = folder, use
        self._files: dict[str, str] = {}

    def __call__(
        self,
        base: str = "generic-redfish",
        *,
        without: Iterable[str] = (),
        quirks: Iterable[str] = (),
        changes: Mapping[str, Any] | None = None,
    ) -> str:
        """The name of a new profile. changes: "sessions.redfish": 4."""
        assert read(SHIPPED / f"{base}.yaml").quirks.keys() >= {Quirk(quirk) for quirk in without}, without
        name = f"{base}-{len(self._files) + 1}"
        note = {"why": "a test wants it", "source": "this test", "firmware": "all"}
        content: dict[str, Any] = {"name": name, "title": name, "based_on": base}
        content["match"] = {"protocols": ["redfish"], "any_of": []}
        content["quirks"] = dict.fromkeys(without) | dict.fromkeys(quirks, note)
        content["evidence"] = {}
        for key, value in (changes or {}).items():
            section, _, inside = key.partition(".")
            content.setdefault(section, {})[inside] = value
        self._files[name] = yaml.safe_dump(content)
        folder = self._folder / str(len(self._files))
        folder.mkdir(parents=True)
        for stem, text in self._files.items():
            (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")
        self._use(folder)
        return name
