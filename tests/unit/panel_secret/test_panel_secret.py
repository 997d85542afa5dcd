"""The panel's secret key: made once, closed to others, and missed with a word of what to do."""

from pathlib import Path

import pytest

from oobctl.errors import ConfigurationError
from oobctl.panel_secret import create_secret, digest, read_secret, secret_path


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    create_secret(home)
    key = read_secret(home)
    create_secret(home)
    assert read_secret(home) == key
    assert secret_path(home).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["panel.secret"]


def test_a_missing_key_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="oobctl init"):
        read_secret(tmp_path)


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    create_secret(tmp_path).chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_secret(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    create_secret(tmp_path).write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_secret(tmp_path)


def test_a_digest_is_of_its_panel_its_purpose_and_its_content(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        create_secret(home)
    made = {digest(home, purpose, content) for home in homes for purpose in ("a", "b") for content in (b"x", b"y")}
    assert len(made) == 8
    assert digest(homes[0], "a", b"x") in made
