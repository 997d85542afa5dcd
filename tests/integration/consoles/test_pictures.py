"""Pictures of real screens, taken by a real gateway for jobs."""

import asyncio

import pytest

from oobctl import control
from oobctl.constants import JobState
from oobctl.lab import rack as virtual_rack
from tests.integration.consoles.conftest import Site, run
from tests.integration.consoles.test_recordings import film
from tests.integration.consoles.test_screen import screen_sessions
from tests.unit.consoles.test_picture import pixels


def picture_of(site: Site, job: str, who: str = "customer") -> tuple[tuple[int, int], bytes]:
    """Size and pixels of the job's one picture."""
    with site.client(who) as client:
        (picture,) = client.get(f"/jobs/{job}").json()["pictures"]
    found: list[bytes] = []

    async def story() -> None:
        async with film(site, f"/recordings/{picture}/key", who) as shown:
            index = await shown.ask(type="index")
            assert index["changed"] is None
            found.append(await shown.ask(type="chunk", number=0))

    run(story)
    return pixels(found[0])


@pytest.mark.parametrize("server", ["web01", "app01"])
def test_a_picture_is_what_the_screen_shows(site: Site, server: str) -> None:
    job = control.submit(site.actor("customer"), "console.screenshot", server)
    ended = site.wait(job.id)
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    size, shown = picture_of(site, job.id)
    assert len(shown) == 3 * size[0] * size[1]
    assert len(set(shown)) > 1  # letters, on something
    with site.client("viewer") as client:
        assert client.get(f"/jobs/{job.id}").json()["pictures"] == []


def test_it_is_taken_beside_people_over_the_connection_that_they_have(site: Site) -> None:
    async def story() -> None:
        async with site.viewer() as viewer:
            await viewer.sees()
            job = await asyncio.to_thread(control.submit, site.actor("operator"), "console.screenshot", "app01")
            ended = await asyncio.to_thread(site.wait, job.id)
            assert ended.state is JobState.SUCCEEDED
            assert len(screen_sessions(site.servers["app01"])) == 1
            assert [one["name"] for one in viewer.people()] == ["customer"]
            await viewer.sees()
            assert viewer.ended() is None

    run(story)


def test_a_server_that_is_off_has_no_picture_and_the_job_says_so(site: Site) -> None:
    virtual_rack.command(site.rack.home, "db01", "power-off")
    try:
        job = control.submit(site.actor("customer"), "console.screenshot", "db01")
        ended = site.wait(job.id)
    finally:
        virtual_rack.command(site.rack.home, "db01", "power-on")
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "no_picture"
    assert "A server that is off has no screen" in ended.error["message"]
