"""A screen that several look at: each has a right picture, one types, a slow one keeps nobody, and it comes back."""

import asyncio
import struct

import pytest

from oobctl.consoles import screens
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import resized
from oobctl.consoles.seats import Seat
from oobctl.drivers.rfb.handshake import Size
from oobctl.errors import BmcAuthFailed, BmcUnreachable, NotAllowed
from tests.unit.consoles.stage import A_DOWN, A_UP, FILL, HELLO, MORE, WHOLE, Person, Stage, on_stage, picture, until


def test_who_joins_later_gets_a_whole_picture_and_what_holds_on() -> None:
    async def story(stage: Stage) -> None:
        first = await stage.look("ada")
        first.sends(WHOLE)
        await stage.hears(WHOLE)
        cursor = struct.pack(">HHHHi", 0, 0, 0, 0, -258)
        await stage.shows(struct.pack(">BxH", 0, 2) + cursor + FILL + b"one")
        await until(lambda: first.seen().endswith(b"one"))
        first.sends(MORE)
        await stage.hears(MORE)
        second = await stage.look("bob")
        second.sends(WHOLE)
        await stage.hears(WHOLE)  # though a change is waited for
        await stage.shows(picture(b"2"))
        await until(lambda: second.seen() == picture(b"2") and first.seen().endswith(picture(b"2")))
        assert stage.opened == 1

    async def third(stage: Stage) -> None:
        await story(stage)
        late = Person(stage, Seat("eve", "eve", may_control=True))
        stage.screen.join(late.seat)
        stage.screen.heard(late.seat, HELLO)
        assert late.seen().endswith(struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, 0, 0, -258))

    on_stage(third)


def test_an_update_that_began_before_somebody_came_is_not_theirs() -> None:
    async def story(stage: Stage) -> None:
        first = await stage.look("ada")
        first.sends(WHOLE)
        content = picture(b"x")
        await stage.shows(content[:18])
        await until(lambda: len(first.seen()) == 18)
        second = await stage.look("bob")
        await stage.shows(content[18:])
        await until(lambda: first.seen() == content)
        assert second.seen() == b""

    on_stage(story)


def test_only_who_has_control_types_and_what_they_hold_is_released_when_another_takes_over() -> None:
    async def story(stage: Stage) -> None:
        first, second = await stage.look("ada"), await stage.look("bob")
        looks_on = await stage.look("eve", control=False)
        first.sends(A_DOWN)
        await stage.hears(A_DOWN)
        second.sends(A_DOWN)
        looks_on.sends(A_DOWN)
        stage.screen.take_over(second.seat, "my turn")
        await stage.hears(A_UP)
        first.seen()
        assert {"type": "taken_over", "by": "bob", "message": "my turn"} in first.told
        first.sends(A_DOWN + A_DOWN)
        second.sends(A_UP)
        await stage.hears(A_UP)
        assert A_DOWN not in stage.heard
        with pytest.raises(NotAllowed):
            stage.screen.take_over(looks_on.seat, "")

    on_stage(story)


def test_what_somebody_holds_down_is_released_when_they_leave() -> None:
    async def story(stage: Stage) -> None:
        first, second = await stage.look("ada"), await stage.look("bob")
        first.sends(A_DOWN)
        stage.screen.leave(first.seat)
        await stage.hears(A_DOWN + A_UP)
        second.seen()
        people = [one for one in second.told if one["type"] == "people"][-1]["people"]
        assert people == [{"id": "bob", "name": "bob", "control": False}]  # control comes to nobody by surprise

    on_stage(story)


def test_nothing_is_passed_on_while_it_is_not_known_who_may(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        person = await stage.look("ada")
        stage.screen.takes_input = False
        person.sends(A_DOWN)
        stage.screen.takes_input = True
        person.sends(A_UP)
        await stage.hears(A_UP)
        assert A_DOWN not in stage.heard

    on_stage(story)


def test_a_slow_viewer_misses_updates_and_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MOST_WAITING", 1000)

    async def story(stage: Stage) -> None:
        fast, slow = await stage.look("ada"), await stage.look("bob")
        slow.sends(WHOLE)
        for number in range(200):
            fast.sends(WHOLE if number == 0 else MORE)
            colour = bytes([number])
            await stage.shows(picture(colour))
            await until(lambda colour=colour: fast.seen().endswith(picture(colour)))  # type: ignore[misc]
        assert slow.seat.waiting < 1000 + 2 * len(picture(b"x"))
        taken = slow.seen()
        assert len(taken) % len(picture(b"x")) == 0  # whole updates alone
        stage.heard.clear()
        slow.sends(MORE)
        await stage.hears(WHOLE)  # it has missed some: the whole picture is asked for

    on_stage(story)


def test_where_all_are_slow_the_bmc_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MOST_WAITING", 10_000)
    side = 2000

    async def story(stage: Stage) -> None:
        stage.size = Size(side, side)
        slow = await stage.look("ada")
        slow.sends(WHOLE)
        size = side * side * 4
        sending = asyncio.create_task(
            stage.shows(struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, side, side, 0) + bytes(size))
        )
        await asyncio.sleep(0.3)
        assert not sending.done()
        assert slow.seat.waiting < size // 4
        await until(lambda: len(slow.seen()) == size + 16)
        await sending

    on_stage(story)


def test_who_takes_nothing_for_long_is_let_go_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_SLOW_SECONDS", 0.5)

    async def story(stage: Stage) -> None:
        fast, stuck = await stage.look("ada"), await stage.look("bob")
        fast.sends(WHOLE)
        await stage.shows(picture(b"x"))
        await until(lambda: fast.seen() != b"" and stuck.seat.ended is not None)
        assert "too slow" in str(stuck.seat.ended)
        assert fast.seat.ended is None

    on_stage(story)


def test_a_screen_that_goes_comes_back_and_the_viewers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_FIRST_PAUSE", 0.02)

    async def story(stage: Stage) -> None:
        person = await stage.look("ada")
        person.sends(WHOLE)
        await stage.hears(WHOLE)
        stage.refusal = BmcUnreachable("The screen at 192.0.2.7 cannot be reached.")
        assert stage.bmc is not None
        stage.bmc.close()
        await until(lambda: person.seen() == b"" and {"away"} == {one["type"] for one in person.told[-1:]})
        assert "192.0.2.7" not in str(person.told)
        stage.size, stage.refusal = Size(32, 24), None
        await until(lambda: resized(32, 24) in person.seen())
        assert person.told[-1] == {"type": "open"}
        await stage.hears(struct.pack(">BBHHHH", 3, 0, 0, 0, 32, 24))  # what was asked for before is asked for again
        assert person.seat.ended is None

    on_stage(story)


def test_a_picture_that_breaks_off_ends_its_viewers_who_open_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_FIRST_PAUSE", 0.02)

    async def story(stage: Stage) -> None:
        person, other = await stage.look("ada"), None
        person.sends(WHOLE)
        await stage.shows(picture(b"x")[:18])
        await until(lambda: len(person.seen()) == 18)
        other = await stage.look("bob")
        assert stage.bmc is not None
        stage.bmc.close()
        await until(lambda: person.seat.ended is not None)
        person.seen()
        assert {"type": "again"} in person.told
        assert other.seat.ended is None  # nothing of it had come to them

    on_stage(story)


def test_a_bmc_that_sends_garbage_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_FIRST_PAUSE", 0.02)

    async def story(stage: Stage) -> None:
        person = await stage.look("ada")
        await stage.shows(b"\x2a" * 100)
        await until(lambda: stage.opened == 2)
        person.sends(WHOLE)
        await stage.hears(WHOLE)
        await stage.shows(picture(b"y"))
        await until(lambda: person.seen() == picture(b"y"))

    on_stage(story)


def test_a_viewer_that_sends_garbage_is_the_only_one_who_notices() -> None:
    async def story(stage: Stage) -> None:
        first, second = await stage.look("ada"), await stage.look("bob")
        with pytest.raises(BrokenStream):
            second.sends(b"\x63garbage")
        stage.screen.leave(second.seat)
        first.sends(WHOLE)
        await stage.shows(picture(b"z"))
        await until(lambda: first.seen() == picture(b"z"))

    on_stage(story)


def test_the_screen_is_let_go_when_the_last_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_LINGER_SECONDS", 0.05)

    async def story(stage: Stage) -> None:
        person = await stage.look("ada")
        stage.screen.leave(person.seat)
        again = await stage.look("bob")  # a page that is loaded again finds it open
        await asyncio.sleep(0.1)
        assert stage.opened == 1
        stage.screen.leave(again.seat)
        assert stage.bmc is not None
        await asyncio.wait_for(stage.bmc.wait_closed(), 5)

    on_stage(story)


def test_what_would_do_harm_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC locks users out that log in wrongly again and again."""
    monkeypatch.setattr(screens, "_FIRST_PAUSE", 0.02)

    async def story(stage: Stage) -> None:
        stage.refusal = BmcAuthFailed("The screen at 192.0.2.7 refused the VNC password.")
        person = Person(stage, Seat("ada", "ada", may_control=True))
        stage.screen.join(person.seat)
        await until(lambda: person.seat.ended is not None)
        assert "refused the password" in str(person.seat.ended)
        stage.refusal = None
        await asyncio.sleep(0.2)
        assert stage.opened == 0

    on_stage(story)


def test_however_often_a_whole_picture_is_asked_for_one_is_on_its_way() -> None:
    async def story(stage: Stage) -> None:
        person = await stage.look("ada")
        await until(lambda: len(stage.heard) > 0)
        await asyncio.sleep(0.05)
        stage.heard.clear()
        for _ in range(1000):
            person.sends(WHOLE)
        await asyncio.sleep(0.1)
        assert stage.heard == WHOLE
        await stage.shows(picture(b"x"))
        await until(lambda: person.seen() == picture(b"x"))
        person.sends(WHOLE)
        await until(lambda: stage.heard == WHOLE + WHOLE)

    on_stage(story)


def test_who_missed_that_the_screen_has_another_size_is_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MOST_WAITING", 10)
    smaller = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 32, 24, -223)

    async def story(stage: Stage) -> None:
        fast, slow = await stage.look("ada"), await stage.look("bob")
        slow.sends(WHOLE)
        await stage.shows(picture(b"x"))
        await until(lambda: fast.seen() == picture(b"x"))  # the other one is behind from here on
        await stage.shows(smaller)
        await until(lambda: fast.seen().endswith(smaller))
        assert slow.seen() == picture(b"x")
        small = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 32, 24, 7) + b"\x80abc"
        await stage.shows(small)
        await until(lambda: slow.seen() == picture(b"x") + resized(32, 24) + small)
        assert fast.seen().count(resized(32, 24)) == 1

    on_stage(story)
