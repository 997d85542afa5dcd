"""How long an installer may be silent: as far as there was somebody to hear it."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from oobctl import clock
from oobctl.errors import InstallFailed
from oobctl.images.installs import claims, waiting
from oobctl.store import Install, Process, Server, database
from tests.installation import Installation
from tests.reinstalls import add_image, armed, claimant, install, ready, token

LONGEST = 180.0
Pass = Callable[[float], None]


@pytest.fixture
def job(sqlite_installation: Installation) -> Install:
    """A job whose installer has called."""
    add_image()
    number = armed(ready(sqlite_installation), "a-key")
    claims.claim("a-key", token(), claimant())
    return install(number)


@pytest.fixture
def pass_(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Lets so many seconds pass."""
    base = clock.now()
    passed = [0.0]
    monkeypatch.setattr(clock, "now", lambda: base + timedelta(seconds=passed[0]))
    return lambda seconds: passed.__setitem__(0, passed[0] + seconds)


def boot_service(job: Install, *, lives: bool) -> None:
    with database().write() as session:
        site = session.get_one(Server, job.server_id).site_id
        session.merge(Process(id="boot-1", kind="boot", site_id=site, seen=time.time() if lives else 1.0))


def test_an_installer_that_could_be_heard_and_was_not_is_given_up(job: Install, pass_: Pass) -> None:
    boot_service(job, lives=True)
    silence = waiting.Silence(LONGEST)
    pass_(LONGEST - 1)
    silence.check(job)
    pass_(2)
    with pytest.raises(InstallFailed, match="has said nothing for 18"):
        silence.check(job)


def test_while_the_boot_service_is_away_no_silence_counts(job: Install, pass_: Pass) -> None:
    boot_service(job, lives=False)
    silence = waiting.Silence(LONGEST)
    pass_(10 * LONGEST)
    silence.check(job)
    boot_service(job, lives=True)
    pass_(LONGEST - 1)
    silence.check(job)
    pass_(2)
    with pytest.raises(InstallFailed):
        silence.check(job)


def test_a_worker_that_begins_to_listen_counts_from_then(job: Install, pass_: Pass) -> None:
    boot_service(job, lives=True)
    pass_(10 * LONGEST)
    waiting.Silence(LONGEST).check(job)
