"""What an installer says is kept, and the words that it is answered."""

import pytest
from sqlalchemy import select

from oobctl.errors import InstallFailed, InvalidParameter, NotAllowed, NotFound
from oobctl.images.installs import claims, reports, waiting
from oobctl.images.installs.phases import Phase, Word
from oobctl.images.installs.reports import Report
from oobctl.store import InstallLog, database
from tests.installation import Installation
from tests.reinstalls import add_image, armed, claimant, install, ready, token

KEY = "a-key-of-a-medium"


@pytest.fixture
def job(sqlite_installation: Installation) -> tuple[str, str]:
    """A job with its installer: the job's id, the installer's token."""
    add_image()
    number, mine = armed(ready(sqlite_installation), KEY), token()
    claims.claim(KEY, mine, claimant())
    return number, mine


def test_nobody_begins_before_the_worker_allows_it(job: tuple[str, str]) -> None:
    number, mine = job
    assert reports.begin(mine) is Word.WAIT
    assert install(number).first_write_at is None
    waiting.allow(number, "may_write_at")
    assert reports.begin(mine) is Word.GO
    first = install(number).first_write_at
    assert first is not None
    assert reports.begin(mine) is Word.GO  # the answer was lost
    assert install(number).first_write_at == first


def test_who_has_no_job_is_told_so(job: tuple[str, str]) -> None:
    with pytest.raises(NotFound):
        reports.begin(token())
    with pytest.raises(NotFound):
        reports.report(token(), Report(Phase.STARTED))


def begun(number: str, mine: str) -> None:
    waiting.allow(number, "may_write_at")
    assert reports.begin(mine) is Word.GO


def test_phases_are_kept_with_their_first_moment(job: tuple[str, str]) -> None:
    number, mine = job
    begun(number, mine)
    assert reports.report(mine, Report(Phase.WRITING, bytes_done=100)) is Word.GO
    reports.report(mine, Report(Phase.WRITING, bytes_done=50))  # one that was late
    assert install(number).bytes_done == 100
    reports.report(mine, Report(Phase.WRITTEN))
    written = install(number).written_at
    reports.report(mine, Report(Phase.CONFIGURING))
    assert written is not None
    assert install(number).written_at == written


def test_an_installer_that_is_done_waits_until_it_may_reboot(job: tuple[str, str]) -> None:
    number, mine = job
    begun(number, mine)
    assert reports.report(mine, Report(Phase.CONFIGURED)) is Word.WAIT
    waiting.allow(number, "may_reboot_at")
    assert reports.report(mine, Report(Phase.CONFIGURED)) is Word.REBOOT


@pytest.mark.parametrize("phase", [Phase.WRITTEN, Phase.CONFIGURING, Phase.CONFIGURED])
def test_nothing_is_done_before_it_was_begun(job: tuple[str, str], phase: Phase) -> None:
    number, mine = job
    with pytest.raises(NotAllowed):
        reports.report(mine, Report(phase))
    assert (install(number).phase, install(number).written_at) == (None, None)


@pytest.mark.parametrize("late", [Phase.STARTED, Phase.WRITING, Phase.FAILED])
def test_a_report_that_comes_after_the_end_leaves_its_lines_alone(job: tuple[str, str], late: Phase) -> None:
    number, mine = job
    begun(number, mine)
    reports.report(mine, Report(Phase.CONFIGURED))
    reports.report(mine, Report(late, reason="late", log="a line\n"))
    assert install(number).phase == Phase.CONFIGURED
    assert waiting.look(number).log_lines == 1


def test_an_installer_that_has_done_its_work_is_told_to_reboot_after_its_job_too(job: tuple[str, str]) -> None:
    number, mine = job
    begun(number, mine)
    reports.report(mine, Report(Phase.CONFIGURED))
    waiting.allow(number, "may_reboot_at")
    claims.close(number)
    assert reports.report(mine, Report(Phase.CONFIGURED)) is Word.REBOOT


def test_who_starts_the_installer_again_once_it_is_done_is_no_alarm(job: tuple[str, str]) -> None:
    number, mine = job
    begun(number, mine)
    reports.report(mine, Report(Phase.CONFIGURED))
    with pytest.raises(NotAllowed, match="has done its work"):
        claims.claim(KEY, token(), claimant())
    assert install(number).alarm is None


@pytest.mark.parametrize("phase", [Phase.REFUSED, Phase.FAILED])
def test_why_it_failed_is_the_jobs_error(job: tuple[str, str], phase: Phase) -> None:
    number, mine = job
    reports.report(mine, Report(phase, reason="the image's sha256 is\nwrong"))
    with pytest.raises(InstallFailed, match="sha256 is wrong"):
        waiting.look(number)


def test_a_second_claimant_fails_the_job_with_an_alarm(job: tuple[str, str]) -> None:
    number, _ = job
    with pytest.raises(NotAllowed):
        claims.claim(KEY, token(), claimant(address="127.0.0.66"))
    with pytest.raises(InstallFailed, match=r"127\.0\.0\.66"):
        waiting.look(number)


def log(number: str) -> list[str]:
    with database().read() as session:
        rows = session.scalars(select(InstallLog).where(InstallLog.job_id == number).order_by(InstallLog.first))
        return [line for row in rows for line in row.text.split("\n")]


def test_log_lines_are_kept_once_whatever_comes_again(job: tuple[str, str]) -> None:
    number, mine = job
    reports.report(mine, Report(Phase.STARTED, log="one\ntwo\n", log_from=0))
    reports.report(mine, Report(Phase.STARTED, log="one\ntwo\nthree\n", log_from=0))  # the answer was lost
    reports.report(mine, Report(Phase.STARTED, log="four\x1b[31m\n", log_from=3))
    reports.report(mine, Report(Phase.STARTED, log="nine\n", log_from=9))  # lines in between are missing: not yet
    assert log(number) == ["one", "two", "three", "four [31m"]


def test_an_installer_that_goes_mad_does_not_fill_the_database(job: tuple[str, str]) -> None:
    number, mine = job
    for first in range(0, 12_000, 3_000):
        reports.report(mine, Report(Phase.STARTED, log="x\n" * 3_000, log_from=first))
    assert len(log(number)) == 5_000
    with pytest.raises(InvalidParameter):
        reports.report(mine, Report(Phase.STARTED, log="x", log_from=-1))
