"""The key of a firmware's setup, as a gateway presses it."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select

from oobctl import clock, control
from oobctl.administer.endpoints import add_endpoint
from oobctl.consoles import setup_keys
from oobctl.consoles.seats import Seat
from oobctl.consoles.setup_keys import WantedKey
from oobctl.constants import Protocol
from oobctl.errors import NoWay
from oobctl.gateway import setup_keys as pressing
from oobctl.ids import new_id
from oobctl.profiles.model import KEYSYMS, SetupKey
from oobctl.store import Job, Server, SetupKeyRequest, Site, database
from tests.furnished import endpoint
from tests.installation import Installation


class Screen:
    """What is pressed at it; somebody types after so many."""

    over = False

    def __init__(self, typed_after: int = 1000) -> None:
        self.pressed: list[int] = []
        self.typed_at = float("-inf")
        self._typed_after = typed_after

    def press(self, keysym: int) -> bool:
        self.pressed.append(keysym)
        if len(self.pressed) >= self._typed_after:
            self.typed_at = float("inf")
        return True


def pressed(screen: Screen, seconds: float, *, ended: bool = False) -> int:
    seat = Seat("seat", "the setup key", may_control=False, hidden=True)
    if ended:
        seat.end("The screen is not there.")
    wanted = WantedKey("server", "app01", KEYSYMS["F2"], 0.01, clock.now() + timedelta(seconds=seconds))
    return asyncio.run(pressing.press(cast(Any, screen), seat, wanted))


def test_it_is_pressed_again_and_again_until_its_time_is_over() -> None:
    screen = Screen()
    assert pressed(screen, 0.3) == len(screen.pressed) > 1
    assert set(screen.pressed) == {0xFFBF}


def test_who_types_there_is_left_alone() -> None:
    assert pressed(Screen(typed_after=3), 60) == 3


def test_a_screen_that_is_not_there_gets_none() -> None:
    assert pressed(Screen(), 60, ended=True) == 0


@pytest.mark.parametrize(("key", "keysym"), [("Escape", 0xFF1B), ("Delete", 0xFFFF), ("F1", 0xFFBE), ("F12", 0xFFC9)])
def test_keys_are_named_as_on_the_keyboard(key: str, keysym: int) -> None:
    assert SetupKey(key, 1, 1).keysym == keysym


def test_a_job_asks_for_it_and_one_gateway_takes_it(installation: Installation) -> None:
    key = SetupKey("F2", 0.5, 60)
    server = installation.servers["web01"]
    job = control.submit(installation.actor("technician"), "bios.setup", server)
    with database().write() as session:
        found = session.get_one(Server, server)
        site = session.get_one(Site, found.site_id)
        site_id = site.id
        with pytest.raises(NoWay):
            setup_keys.ask(session, session.get_one(Job, job.id), key)
        add_endpoint(session, site, found.bmc, endpoint(found.bmc.endpoints[0].address, Protocol.VNC))
    assert setup_keys.claim(site_id) == []
    with database().write() as session:
        for _ in range(2):  # a step may run again after a crash
            setup_keys.ask(session, session.get_one(Job, job.id), key)
    (taken,) = setup_keys.claim(site_id)
    assert (taken.server_id, taken.keysym, taken.every) == (server, 0xFFBF, 0.5)
    assert setup_keys.claim(site_id) == []


def test_one_that_nobody_took_in_time_is_pressed_by_nobody(installation: Installation) -> None:
    server = installation.servers["web01"]
    with database().write() as session:
        site_id = session.get_one(Server, server).site_id
        late = clock.now() - timedelta(seconds=1)
        session.add(SetupKeyRequest(id=new_id(), server_id=server, keysym=1, every=1.0, until_at=late))
    assert setup_keys.claim(site_id) == []
    with database().read() as session:
        assert session.scalars(select(SetupKeyRequest)).all() == []
