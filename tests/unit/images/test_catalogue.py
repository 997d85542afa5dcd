"""Images: files of the site by name, copied in whole or not at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.config import settings
from oobctl.errors import ConfigurationError, InvalidParameter, NotFound, WrongState
from oobctl.images import all_images, catalogue, find


def test_before_an_image_is_there_the_list_is_empty_and_a_name_says_how_to_add_one(home: Path) -> None:
    assert all_images() == []
    with pytest.raises(NotFound, match="oobctl image add"):
        find("rescue.iso")


def test_an_added_image_is_found_and_other_files_are_passed_over(home: Path, tmp_path: Path) -> None:
    (tmp_path / "some.iso").write_bytes(b"12345")
    assert catalogue.add(tmp_path / "some.iso", "rescue-1.iso").size == 5
    (settings().images / "notes.txt").write_text("x")
    (settings().images / ".half.iso.part").write_text("x")
    assert [image.name for image in all_images()] == ["rescue-1.iso"]
    assert find("rescue-1.iso").path.read_bytes() == b"12345"


def test_a_name_that_is_taken_is_refused_and_the_image_stays(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.iso").write_bytes(b"first")
    catalogue.add(tmp_path / "a.iso")
    (tmp_path / "a.iso").write_bytes(b"second")
    with pytest.raises(WrongState, match="Remove it first"):
        catalogue.add(tmp_path / "a.iso")
    assert find("a.iso").path.read_bytes() == b"first"


def test_a_copy_that_fails_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be copied"):
        catalogue.add(tmp_path / "missing.iso")
    assert list(settings().images.iterdir()) == []


def test_a_removed_image_is_gone(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.iso").write_bytes(b"x")
    catalogue.add(tmp_path / "a.iso")
    catalogue.remove("a.iso")
    with pytest.raises(NotFound):
        find("a.iso")


@pytest.mark.parametrize(
    "name", ["../a.iso", "a.iso/..", ".a.iso", "a", "a.iso\n", "", "a b.iso", "/etc/a.iso", "é.iso", "a" * 200 + ".iso"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter):
        catalogue.check_name(name)


@given(st.text(max_size=60))
def test_a_name_that_is_taken_for_one_is_one_file_of_the_folder(name: str) -> None:
    try:
        catalogue.check_name(name)
    except InvalidParameter:
        return
    assert Path(name).name == name
    assert name.isascii()
