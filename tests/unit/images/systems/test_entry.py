"""An entry is closed and right, or it is none."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from oobctl import clock
from oobctl.constants import Firmware, ImageKind
from tests.systems import entry, form


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Debian"}, {"name": "../x"}, {"name": "a" * 64}, {"name": "rescue.iso"}, {"name": "disk.img"},
        {"title": ""}, {"title": "two\nlines"}, {"architecture": "arm64"}, {"firmware": ()},
        {"firmware": ("BIOS", "BIOS")}, {"configured_by": "hand"}, {"forms": ()}, {"more": 1},
        {"created_at": "2026-11-28T00:00:00"},
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(**{"name": "debian-13"} | changes)


@pytest.mark.parametrize(
    "changes",
    [{"file": "../x"}, {"file": ".hidden"}, {"sha256": "A" * 64}, {"sha256": "a" * 63}, {"size": 0},
     {"content_size": -1},],
)  # fmt: skip
def test_what_is_no_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        form(ImageKind.DISK_IMAGE, **changes)


def test_an_image_has_one_form_of_a_kind_and_each_its_own_file() -> None:
    disk, archive = form(ImageKind.DISK_IMAGE), form(ImageKind.ROOT_ARCHIVE)
    image = entry(forms=(disk, archive))
    assert (image.form(ImageKind.DISK_IMAGE), image.form(ImageKind.ROOT_ARCHIVE)) == (disk, archive)
    assert entry(forms=(disk,)).form(ImageKind.ROOT_ARCHIVE) is None
    with pytest.raises(ValidationError):
        entry(forms=(disk, form(ImageKind.DISK_IMAGE, file="other")))
    with pytest.raises(ValidationError):
        entry(forms=(disk, form(ImageKind.ROOT_ARCHIVE, file=disk.file)))


def test_an_image_of_an_account_is_offered_to_nobody_else_and_a_retired_one_to_nobody() -> None:
    now = clock.now()
    assert entry().is_offered("a", now)
    assert entry(account="a").is_offered("a", now)
    assert not entry(account="a").is_offered("b", now)
    assert not entry(retired_at=now - timedelta(seconds=1)).is_offered("a", now)


def test_an_entry_cannot_be_changed() -> None:
    image = entry(firmware=(Firmware.UEFI,))
    with pytest.raises(ValidationError):
        image.name = "other"
