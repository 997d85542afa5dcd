"""The catalogue of operating systems: a folder an image, whole or not at all, and never changed."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from oobctl.config import settings
from oobctl.constants import ImageKind
from oobctl.errors import ConfigurationError, DamagedImage, InvalidParameter, NotFound, WrongState
from oobctl.images import all_images
from oobctl.images.systems import all_systems, catalogue, find, path_of
from oobctl.images.systems.verify import verify
from tests.systems import CONTENTS, added, entry


def test_before_an_image_is_there_the_list_is_empty_and_a_name_says_how_to_make_one(home: Path) -> None:
    assert all_systems() == []
    with pytest.raises(NotFound, match="oobctl image build"):
        find("debian-13")


def test_an_added_image_is_found_with_its_files(home: Path) -> None:
    image = added("debian-13")
    added("debian-12")
    assert find("debian-13") == image
    assert [one.name for one in all_systems()] == ["debian-12", "debian-13"]
    assert [path_of(image, form).read_bytes() for form in image.forms] == list(CONTENTS.values())
    assert verify("debian-13") == image


def test_images_for_virtual_drives_are_another_list(home: Path) -> None:
    added()
    assert all_images() == []


def test_an_image_of_that_name_is_never_replaced(home: Path) -> None:
    image = added()
    with pytest.raises(WrongState, match="never change"):
        added(title="Other")
    assert find("debian-13") == image


def test_a_draft_is_no_image_until_it_is_added(home: Path) -> None:
    draft = catalogue.draft()
    with pytest.raises(ConfigurationError):
        catalogue.add(entry(), draft)  # its files are missing
    assert all_systems() == []
    with pytest.raises(NotFound):
        find("debian-13")


def test_what_a_killed_build_left_is_removed_a_day_later(home: Path) -> None:
    left, at_work = catalogue.draft(), catalogue.draft()
    os.utime(left, (0, 0))
    catalogue.draft()
    assert (left.exists(), at_work.exists()) == (False, True)


def test_others_can_read_an_image_whatever_the_umask_is(home: Path) -> None:
    before = os.umask(0o077)
    try:
        image = added()
    finally:
        os.umask(before)
    files = [path_of(image, form) for form in image.forms] + [settings().systems / image.name / "image.yaml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}
    folders = [settings().images, settings().systems, settings().systems / image.name]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}


def test_a_retired_image_is_kept_and_can_be_offered_again(home: Path) -> None:
    image = added()
    retired = catalogue.retire(image.name)
    assert retired.retired_at is not None
    assert catalogue.retire(image.name) == find(image.name) == retired
    assert catalogue.unretire(image.name) == find(image.name) == image


def test_a_removed_image_is_gone_with_its_files(home: Path) -> None:
    added()
    catalogue.remove("debian-13")
    assert list(settings().systems.iterdir()) == []
    with pytest.raises(NotFound):
        catalogue.remove("debian-13")


def test_a_damaged_entry_is_left_out_of_the_list_said_when_asked_for_and_can_be_removed(home: Path) -> None:
    added("debian-12")
    added("debian-13")
    path = settings().systems / "debian-13" / "image.yaml"
    path.write_text(path.read_text().replace("version:", "verzion:"))
    assert [image.name for image in all_systems()] == ["debian-12"]
    with pytest.raises(ConfigurationError, match=re.escape(f"{path} is wrong at version")):
        find("debian-13")
    catalogue.remove("debian-13")
    assert [path.name for path in settings().systems.iterdir()] == ["debian-12"]


def test_an_entry_in_another_images_folder_is_damaged(home: Path) -> None:
    added("debian-12")
    (settings().systems / "debian-12").rename(settings().systems / "debian-11")
    with pytest.raises(ConfigurationError, match="it must be the folder's name"):
        find("debian-11")


_WORDS = st.sampled_from(["name: x", "forms: [1]", "created_at: 2026-13-40", "? ", "[", "{", "- ", "&a *a", "1"])


@example_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.lists(_WORDS).map(lambda words: "\n".join(words).encode())))
def test_whatever_stands_in_an_entry_it_is_said_and_breaks_no_list(home: Path, content: bytes) -> None:
    folder = settings().systems / "debian-13"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.yaml").write_bytes(content)
    assert all_systems() == []
    with pytest.raises(ConfigurationError, match=r"image\.yaml"):
        find("debian-13")


def test_an_entry_that_is_nested_too_deeply_is_damaged(home: Path) -> None:
    (settings().systems / "debian-13").mkdir(parents=True)
    (settings().systems / "debian-13" / "image.yaml").write_text("[" * 500)
    assert all_systems() == []


@example_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_a_name_that_is_taken_for_one_is_one_folder(home: Path, name: str) -> None:
    try:
        catalogue.check_name(name)
    except InvalidParameter:
        with pytest.raises(NotFound):
            find(name)
        return
    assert Path(name).name == name
    assert name.isascii()


def _shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _other(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_shorter, "it has 9 bytes where"),
        (_other, "its SHA-256 is"),
        (Path.unlink, "cannot be read"),
    ],
)
def test_a_file_that_was_changed_after_it_came_is_named(home: Path, change: Callable[[Path], None], words: str) -> None:
    image = added()
    archive = image.form(ImageKind.ROOT_ARCHIVE)
    assert archive is not None
    change(path_of(image, archive))
    with pytest.raises(DamagedImage, match=words) as caught:
        verify(image.name)
    assert str(path_of(image, archive)) in caught.value.message
    assert caught.value.details == {"form": ImageKind.ROOT_ARCHIVE}


def test_one_form_alone_is_compared_where_it_alone_is_wanted(home: Path) -> None:
    image = added()
    archive = image.form(ImageKind.ROOT_ARCHIVE)
    assert archive is not None
    _other(path_of(image, archive))
    assert verify(image.name, ImageKind.DISK_IMAGE) == image
    with pytest.raises(DamagedImage):
        verify(image.name, ImageKind.ROOT_ARCHIVE)


def test_it_is_said_that_a_file_was_changed_after_it_came(home: Path) -> None:
    image = added()
    path = path_of(image, image.forms[0])
    _other(path)
    os.utime(path, (image.created_at.timestamp() + 60, image.created_at.timestamp() + 60))
    with pytest.raises(DamagedImage, match="after it came"):
        verify(image.name)
