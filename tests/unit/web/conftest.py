"""The panel on a small seeded database of its own, as a test client for each of its users."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from oobctl import clock
from oobctl.config import settings
from oobctl.store import database, use
from tests.unit.web import seed as seeding
from web.app import create_app
from web.limits import limiter

SignIn = Callable[[str], FlaskClient]


@pytest.fixture(scope="session")
def seeded_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, seeding.Seed]:
    """The home folder that every test gets a copy of."""
    home = tmp_path_factory.mktemp("rack")
    made = seeding.Seed()
    with pytest.MonkeyPatch.context() as patch, at_home(home, patch):
        seeding.install(home)
        seeding.people(made)
        seeding.a_whole_rack(made)
        made.made_at = clock.now()
    return home, made


@pytest.fixture
def seed(
    seeded_home: tuple[Path, seeding.Seed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[seeding.Seed]:
    """A whole rack, in a home folder of this test alone."""
    source, made = seeded_home
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    with at_home(tmp_path, monkeypatch):
        seeding.read_lately(made)
        yield made


@contextmanager
def at_home(home: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings and the database of that folder, and of no other, while it lasts."""
    for name in [name for name in os.environ if name.startswith("OOBCTL_")]:
        patch.delenv(name)
    patch.setenv("OOBCTL_HOME", str(home))
    settings.cache_clear()
    use(None)
    yield
    database().close()
    use(None)
    settings.cache_clear()


@pytest.fixture
def app(seed: seeding.Seed) -> Flask:
    application = create_app()
    limiter.reset()
    return application


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """A browser of that user, signed in through the form."""

    def signed_in(name: str) -> FlaskClient:
        client = app.test_client()
        response = client.post(
            "/sign-in", data={"name": name, "password": seeding.PASSWORD, "csrf_token": csrf_token(client, "/sign-in")}
        )
        assert response.status_code == 303, response.text
        return client

    return signed_in


@pytest.fixture
def bearer(seed: seeding.Seed) -> Callable[[str], dict[str, str]]:
    """The header of that user's token."""
    return lambda name: {"Authorization": f"Bearer {seed.tokens[name]}"}


def csrf_token(client: FlaskClient, page: str = "/servers") -> str:
    """The token in the first form of a page."""
    text = client.get(page).text
    return text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
