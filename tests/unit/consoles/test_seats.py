"""Who is at a console: their queues, and which of them may type."""

import asyncio
from collections.abc import Callable

import pytest

from oobctl.consoles.seats import Seat, Seats, Told
from oobctl.errors import NotAllowed


def seat(name: str, *, may_control: bool = True) -> Seat:
    return Seat(name.lower(), name, may_control=may_control)


def taken(one: Seat) -> list[bytes | Told]:
    """All that waits for a seat now."""
    found: list[bytes | Told] = []
    while one._queue:
        content = asyncio.run(one.next())
        assert content is not None
        found.append(content)
    return found


def people(*who: tuple[str, bool], you: str) -> Told:
    return {
        "type": "people",
        "you": you,
        "may_control": True,
        "people": [{"id": name.lower(), "name": name, "control": control} for name, control in who],
    }


def test_the_first_who_may_has_control_and_who_may_not_never_has() -> None:
    seats, lea, ann, ben = Seats(), seat("Lea", may_control=False), seat("Ann"), seat("Ben")
    for one in (lea, ann, ben):
        seats.join(one)
    assert [one.has_control for one in (lea, ann, ben)] == [False, True, False]
    with pytest.raises(NotAllowed):
        seats.take_over(lea)
    assert seats.controller is ann


def test_when_who_has_control_leaves_nobody_has_it_until_somebody_takes_it() -> None:
    seats, ann, ben = Seats(), seat("Ann"), seat("Ben")
    seats.join(ann)
    seats.join(ben)
    seats.leave(ann)
    assert seats.controller is None
    seats.take_over(ben)
    assert [one.has_control for one in (ann, ben)] == [False, True]


def test_everybody_is_told_who_is_there_at_each_change() -> None:
    seats, ann, ben = Seats(), seat("Ann"), seat("Ben")
    seats.join(ann)
    seats.join(ben)
    seats.leave(ann)
    assert taken(ann) == [
        people(("Ann", True), you="ann"),
        people(("Ann", True), ("Ben", False), you="ann"),
    ]
    assert taken(ben) == [people(("Ann", True), ("Ben", False), you="ben"), people(("Ben", False), you="ben")]


def test_a_takeover_comes_with_a_word_to_who_had_control() -> None:
    seats, ann, ben = Seats(), seat("Ann"), seat("Ben")
    seats.join(ann)
    seats.join(ben)
    taken(ann)
    seats.take_over(ben, "my turn")
    assert taken(ann)[0] == {"type": "taken_over", "by": "Ben", "message": "my turn"}
    assert [one.has_control for one in (ann, ben)] == [False, True]


def test_to_take_over_what_one_has_changes_nothing() -> None:
    seats, ann = Seats(), seat("Ann")
    seats.join(ann)
    taken(ann)
    seats.take_over(ann, "again")
    assert taken(ann) == []


def test_what_is_shown_and_told_comes_in_its_order_and_is_counted_until_it_is_taken() -> None:
    ann = seat("Ann")
    ann.show(b"ab")
    ann.tell({"type": "away"})
    ann.show(b"c")
    assert (ann.waiting, ann.shown) == (3, 3)
    assert taken(ann) == [b"ab", {"type": "away"}, b"c"]
    assert (ann.waiting, ann.shown) == (0, 3)


def test_a_seat_that_ends_drops_what_was_shown_keeps_what_was_told_and_takes_no_more() -> None:
    ann = seat("Ann")
    ann.show(b"ab")
    ann.tell({"type": "away"})
    ann.end("You were too slow.")
    ann.end("Again.")
    ann.show(b"c")
    ann.tell({"type": "open"})
    assert (ann.ended, ann.waiting) == ("You were too slow.", 0)
    assert taken(ann) == [{"type": "away"}]
    assert asyncio.run(ann.next()) is None


def test_who_waits_for_something_hears_of_it_and_of_the_end() -> None:
    async def run() -> list[bytes | Told | None]:
        ann = seat("Ann")
        found: list[bytes | Told | None] = []
        acts: list[Callable[[], None]] = [
            lambda: ann.show(b"a"),
            lambda: ann.tell({"type": "away"}),
            lambda: ann.end("over"),
        ]
        for act in acts:
            waiting = asyncio.create_task(ann.next())
            await asyncio.sleep(0)
            act()
            found.append(await waiting)
        return found

    assert asyncio.run(run()) == [b"a", {"type": "away"}, None]
