"""Which releases can be built, and from what: releases.yaml."""

from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from oobctl.errors import InvalidParameter
from oobctl.images.systems.building.mirrors import Mirrors


class Release(BaseModel):
    """One release. packages: of every image; kernels: what each choice of a kernel adds to them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    family: str
    codename: str
    end_of_life: date
    keyring: Path
    components: tuple[str, ...]
    packages: tuple[str, ...]
    kernels: dict[str, tuple[str, ...]]

    def sources(self, mirrors: Mirrors) -> list[str]:
        """Where packages come from, as lines of apt's one-line form: while building, and in the image."""
        places = ((mirrors.main, ""), (mirrors.main, "-updates"), (mirrors.security, "-security"))
        parts = " ".join(self.components)
        return [f"deb {mirror} {self.codename}{suite} {parts}" for mirror, suite in places]

    def packages_with(self, kernel: str) -> tuple[str, ...]:
        """Raises InvalidParameter where there is no such choice."""
        if kernel not in self.kernels:
            raise InvalidParameter(
                f"{kernel!r} is no kernel of {self.name}. There are: {', '.join(self.kernels)}.", field="kernel"
            )
        return (*self.packages, *self.kernels[kernel])


def find(name: str) -> Release:
    """The release of that name. Raises InvalidParameter, naming those that there are."""
    known = all_releases()
    if name not in known:
        raise InvalidParameter(f"{name!r} cannot be built. Known are: {', '.join(known)}.", field="release")
    return known[name]


@lru_cache(maxsize=1)
def all_releases() -> dict[str, Release]:
    """All releases by name. What they share is said once in the file; a release may say it anew."""
    content: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("releases.yaml").read_text(encoding="utf-8"))
    shared = content["common"]
    return {
        name: Release.model_validate(shared | {"name": name} | of_its_own)
        for name, of_its_own in content["releases"].items()
    }
