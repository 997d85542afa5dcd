"""How long the installer and an image of an operating system take to build, and how big they are."""

import itertools
import resource
import shutil
import time
from pathlib import Path

import pytest

from oobctl.images.installer import building as installer
from oobctl.images.systems.building import programs, releases
from oobctl.images.systems.building.build import make
from tests.benchmarks import report
from tests.benchmarks.spending import cpu

RELEASE, KERNEL = "debian-12", "cloud"


def _children() -> float:
    return cpu(resource.RUSAGE_CHILDREN)


def test_the_installer_built_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = installer.cache_folder() / "packages"
    if known.exists():  # how long they take to come is the network's
        shutil.copytree(known, tmp_path / "packages")
    monkeypatch.setattr(installer, "cache_folder", lambda: tmp_path)
    began, spent = time.perf_counter(), _children()
    made = installer.ensure_ramdisk(print)
    took, spent = time.perf_counter() - began, _children() - spent
    report.head("The installer (target: a ramdisk of less than 15 MB)")
    sizes = {path.name: path.stat().st_size / 1e6 for path in (made.ramdisk, made.kernel, made.medium)}
    print(f"built in {took:.0f} s, {spent:.0f} s of CPU")
    print(f"MB: {', '.join(f'{name} {size:.2f}' for name, size in sizes.items())}")


def test_an_image_in_both_forms_beside_its_mmdebstrap_alone(tmp_path: Path) -> None:
    wanted = releases.find(RELEASE)
    programs.check(wanted.keyring)
    moments: list[tuple[float, float, str]] = []

    def note(words: str) -> None:
        if not words.startswith(" "):  # what mmdebstrap itself says
            moments.append((time.perf_counter(), _children(), words))

    image = make(tmp_path, wanted, KERNEL, RELEASE, note)
    note("done")
    report.head(f"An image of {RELEASE}, {KERNEL} kernel, in both forms")
    for (at, spent, words), (after, then, _) in itertools.pairwise(moments):
        print(f"{after - at:6.1f} s, {then - spent:6.1f} s of CPU: {words}")
    whole, first = moments[-1][0] - moments[0][0], moments[1][0] - moments[0][0]
    print(f"{whole:6.1f} s, {moments[-1][1] - moments[0][1]:6.1f} s of CPU: all; {whole / first:.2f} x the first alone")
    sizes = [f"{form.kind} {form.size / 1e6:.0f} of {form.content_size / 1e6:.0f}" for form in image.forms]
    print(f"MB, packed of unpacked: {', '.join(sizes)}")
