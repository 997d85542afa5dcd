"""What the installer runs in the new system's root, with that system's own programs."""

import subprocess
from importlib.resources import files as resources
from pathlib import Path

import pytest

SCRIPT = resources("oobctl.images.configuring").joinpath("system", "configure.sh").read_text()


def configured(root: Path, *, locale: str, zone: str, knows: str, has_zones: bool = True) -> str:
    """Returns what it noted. The programs in `root` stand for the new system's; knows: what its `locale -a` lists."""
    for folder in ("bin", "etc/oobctl", "etc/default", "usr/share/zoneinfo"):
        (root / folder).mkdir(parents=True)
    for program, lines in (("locale-gen", "exit 0"), ("locale", f"printf 'C\\nPOSIX\\n{knows}\\n'")):
        (root / "bin" / program).write_text(f"#!/bin/sh\n{lines}\n")
        (root / "bin" / program).chmod(0o755)
    (root / "etc/locale.gen").write_text(f"{locale} UTF-8\n")
    (root / "etc/timezone").write_text(f"{zone}\n")
    (root / "etc/default/locale").write_text(f"LANG={locale}\n")
    for name in ("UTC", "Berlin") if has_zones else ():
        (root / "usr/share/zoneinfo" / name).touch()
    if locale == "C.UTF-8":
        (root / "etc/locale.gen").write_text("en_US.UTF-8 UTF-8\n")  # the image's own
    (root / "etc/localtime").symlink_to(root / "usr/share/zoneinfo" / zone)
    script = SCRIPT.replace(" /etc/", f" {root}/etc/").replace(">/etc/", f">{root}/etc/")
    path = {"PATH": f"{root}/bin:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", script.replace("/usr/share", f"{root}/usr/share")], env=path, check=True)
    notes = root / "etc/oobctl/notes-of-configure"
    return notes.read_text() if notes.exists() else ""


@pytest.mark.parametrize("locale", ["de_DE.UTF-8", "ca_ES.UTF-8@valencia"])
def test_a_locale_and_a_time_zone_that_the_system_knows_are_taken(tmp_path: Path, locale: str) -> None:
    assert configured(tmp_path, locale=locale, zone="Berlin", knows="de_DE.utf8\nca_ES.utf8@valencia") == ""
    assert (tmp_path / "etc/default/locale").read_text() == f"LANG={locale}\n"


def test_a_locale_that_the_system_does_not_know_fails_no_install_and_is_told(tmp_path: Path) -> None:
    said = configured(tmp_path, locale="en_EN.UTF-8", zone="Berlin", knows="de_DE.utf8")
    assert said == "This system does not know the locale en_EN.UTF-8: it has C.UTF-8.\n"
    assert (tmp_path / "etc/default/locale").read_text() == "LANG=C.UTF-8\n"


def test_what_nobody_chose_is_not_complained_of(tmp_path: Path) -> None:
    assert configured(tmp_path, locale="C.UTF-8", zone="UTC", knows="C.utf8", has_zones=False) == ""


def test_a_time_zone_that_the_system_does_not_know_is_told(tmp_path: Path) -> None:
    said = configured(tmp_path, locale="de_DE.UTF-8", zone="US/Pacific", knows="de_DE.utf8")
    assert said == "This system does not know the time zone US/Pacific: it has UTC.\n"
    assert (tmp_path / "etc/localtime").resolve() == tmp_path / "usr/share/zoneinfo/UTC"
    assert (tmp_path / "etc/timezone").read_text() == "UTC\n"
