"""Settings: from the environment and oobctl.toml, and a clear word where one is wrong."""

from pathlib import Path

import pytest

from oobctl.config import settings
from oobctl.errors import ConfigurationError


def toml(home: Path, content: str) -> None:
    (home / "oobctl.toml").write_text(content)
    settings.cache_clear()


def test_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml(home, 'site = "north"\nlisten = "127.0.0.1:9000"')
    monkeypatch.setenv("OOBCTL_LISTEN", "127.0.0.1:9001")
    settings.cache_clear()
    assert (settings().site, settings().listen) == ("north", "127.0.0.1:9001")


@pytest.mark.parametrize("name", ["session_hours", "poll_interval_seconds"])
def test_a_wrong_setting_is_named_with_both_places_to_set_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"OOBCTL_{name.upper()}", "soon")
    settings.cache_clear()
    with pytest.raises(ConfigurationError) as caught:
        settings()
    assert f"OOBCTL_{name.upper()}" in caught.value.message
    assert "oobctl.toml" in caught.value.message


def test_a_file_that_is_no_toml_is_a_configuration_error_that_names_it(home: Path) -> None:
    toml(home, "site = ")
    with pytest.raises(ConfigurationError) as caught:
        settings()
    assert "oobctl.toml" in caught.value.message


def test_a_wrong_value_in_the_file_is_named(home: Path) -> None:
    toml(home, 'session_hours = "soon"')
    with pytest.raises(ConfigurationError, match="session_hours"):
        settings()


def test_without_settings_everything_is_in_home(home: Path) -> None:
    assert settings().database == f"sqlite:///{home / 'oobctl.db'}"
    assert settings().keys == home / "keys"


@pytest.mark.parametrize("given", ["postgresql://db/oobctl", "postgres://db/oobctl", "postgresql+psycopg://db/oobctl"])
def test_every_spelling_of_postgresql_gets_the_driver(home: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("OOBCTL_DATABASE_URL", given)
    settings.cache_clear()
    assert settings().database == "postgresql+psycopg://db/oobctl"


def test_a_value_that_looks_secret_is_not_repeated_in_the_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_SESSION_HOURS", "canary-55")
    settings.cache_clear()
    with pytest.raises(ConfigurationError) as caught:
        settings()
    assert "canary" not in caught.value.message
