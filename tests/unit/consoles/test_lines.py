"""One serial line for many: scroll-back, one writer, what happens when it ends, and when everybody has left."""

import asyncio

import pytest

from oobctl.consoles.seats import Seat
from oobctl.errors import (
    BmcAuthFailed,
    BmcAuthUnconfirmed,
    BmcTimeout,
    BmcUnreachable,
    NotAllowed,
    NotSupported,
    OobctlError,
    SerialInUse,
    WrongServer,
    WrongState,
)
from tests.unit.consoles.ports import FakePort
from tests.unit.consoles.shared_line import NEVER, Bench, bench, end_of, in_a_loop, shown, told, until

SILENT = BmcTimeout("It answered at first, and then no more.")
DEAD = BmcUnreachable("Nothing answered.")


@in_a_loop
async def test_the_line_is_opened_once_for_all_who_are_there() -> None:
    async with bench() as made:
        seats = [made.sit(name) for name in ("Ann", "Ben", "Cem")]
        (await made.port()).heard(b"hello")
        assert [await shown(seat, b"hello") for seat in seats] == [b"hello"] * 3
        assert len(made.opener.ports) == 1


@in_a_loop
async def test_viewers_are_told_that_it_is_opened_and_when_it_is_open() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        await told(ann, "opening")
        await told(ann, "open")


@in_a_loop
async def test_who_comes_later_gets_the_scroll_back_first() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        (await made.port()).heard(b"before ")
        await shown(ann, b"before ")
        ben = made.sit("Ben")
        made.opener.ports[0].heard(b"after")
        assert await shown(ben, b"after") == b"before after"


@in_a_loop
async def test_input_from_who_has_no_control_is_refused_and_never_passed() -> None:
    async with bench() as made:
        ann, ben = made.sit("Ann"), made.sit("Ben")
        port = await made.port()
        with pytest.raises(NotAllowed, match="Ann has control"):
            made.line.heard(ben, b"no")
        with pytest.raises(NotAllowed):
            made.line.send_break(ben)
        assert made.line.heard(ann, b"yes")
        await until(lambda: port.typed)
        assert port.typed == [b"yes"]
        assert (made.line.leave(ann), made.line.leave(ben)) == (3, 0)


@in_a_loop
async def test_where_it_is_not_known_who_may_type_nothing_is_typed() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        port = await made.port()
        made.line.takes_input = False
        with pytest.raises(WrongState):
            made.line.heard(ann, b"no")
        made.line.takes_input = True
        made.line.heard(ann, b"yes")
        await until(lambda: port.typed)
        assert port.typed == [b"yes"]


async def _pasting(made: Bench) -> tuple[FakePort, int]:
    """The one in control has pasted 10,000 bytes, of which so many were passed on before the BMC took no more."""
    port = await made.port()
    port.takes = False
    controller = made.line.seats.controller
    assert controller is not None
    made.line.heard(controller, b"x" * 10_000)
    await until(lambda: port.waiting > 1024)
    return port, len(port.text)


@in_a_loop
async def test_after_a_takeover_the_rest_of_the_formers_paste_is_not_typed() -> None:
    async with bench() as made:
        ann, ben = made.sit("Ann"), made.sit("Ben")
        port, passed = await _pasting(made)
        made.line.take_over(ben, "mine")
        port.takes, port.waiting = True, 0
        with pytest.raises(NotAllowed):
            made.line.heard(ann, b"y")
        made.line.heard(ben, b"z")
        await until(lambda: port.text.endswith(b"z"))
        assert port.text == b"x" * passed + b"z"


@in_a_loop
async def test_when_who_types_leaves_the_rest_of_their_paste_is_not_typed() -> None:
    async with bench() as made:
        ann, ben = made.sit("Ann"), made.sit("Ben")
        port, passed = await _pasting(made)
        ann.end("They may not be here any more.")  # as it is before they leave
        made.line.leave(ann)
        port.takes, port.waiting = True, 0
        with pytest.raises(NotAllowed, match="Nobody has control"):
            made.line.heard(ben, b"y")
        await asyncio.sleep(0.1)
        assert len(port.text) == passed


@in_a_loop
async def test_a_break_goes_out_in_its_place() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        port = await made.port()
        made.line.heard(ann, b"a")
        made.line.send_break(ann)
        made.line.heard(ann, b"b")
        await until(lambda: len(port.typed) == 3)
        assert port.typed == [b"a", None, b"b"]


@in_a_loop
async def test_others_are_thrown_off_the_line_only_when_that_was_asked_for() -> None:
    async with bench(SerialInUse("In use."), None, pauses=(NEVER, 0.001, NEVER)) as made:
        ann = made.sit("Ann")
        assert await told(ann, "away") == {"type": "away", "code": "serial_in_use", "because": "In use."}
        made.line.try_now(deactivate_others=True)
        await told(ann, "open")
        (await made.port()).ended(SILENT)
        await told(ann, "open")
        assert made.opener.forced == [False, True, False]


@in_a_loop
async def test_when_the_last_has_left_it_is_closed_after_a_while_and_nothing_is_left() -> None:
    async with bench(grace=0.01) as made:
        ann = made.sit("Ann")
        port = await made.port()
        port.heard(b"secret of Ann's")
        await shown(ann, b"secret of Ann's")
        made.line.leave(ann)
        assert made.running is not None
        await made.running
        assert port.closed.is_set()
        made.running = None
        ben = made.sit("Ben")
        (await made.port(1)).heard(b"anew")
        assert await shown(ben, b"anew") == b"anew"


@in_a_loop
async def test_who_comes_back_soon_finds_it_open() -> None:
    async with bench(grace=0.05) as made:
        made.line.leave(made.sit("Ann"))
        made.sit("Ann")
        port = await made.port()
        await asyncio.sleep(0.2)
        assert len(made.opener.ports) == 1
        assert not port.closed.is_set()


@in_a_loop
async def test_who_comes_while_it_is_closed_has_it_opened_again() -> None:
    async with bench(grace=0.0) as made:
        ann = made.sit("Ann")
        port = await made.port()
        port.closes.clear()
        made.line.leave(ann)
        await until(port.closed.is_set)
        ben = made.sit("Ben")
        port.closes.set()
        (await made.port(1)).heard(b"hello")
        await shown(ben, b"hello")


@in_a_loop
async def test_a_recorder_holds_it_and_hears_all() -> None:
    async with bench(grace=0.01) as made:
        ann = made.sit("Ann")
        recorder = Seat("recorder", "the recorder", may_control=False, hidden=True)
        made.line.record(recorder)
        made.line.leave(ann)
        port = await made.port()
        await asyncio.sleep(0.1)
        port.heard(b"boot")
        await shown(recorder, b"boot")
        assert not port.closed.is_set()
        made.line.leave(recorder)
        await until(port.closed.is_set)


@in_a_loop
async def test_a_line_that_ends_by_itself_is_opened_again_and_viewers_are_told() -> None:
    async with bench(None, DEAD, None) as made:
        ann = made.sit("Ann")
        port = await made.port()
        port.heard(b"before ")
        port.ended(SILENT)
        assert await told(ann, "away") == {"type": "away", "code": "bmc_timeout", "because": SILENT.message}
        assert await told(ann, "away") == {"type": "away", "code": "bmc_unreachable", "because": DEAD.message}
        await told(ann, "open")
        assert port.closed.is_set()
        (await made.port(1)).heard(b"after")
        assert await shown(ann, b"after") == b"after"
        assert await shown(made.sit("Ben"), b"after") == b"before after"


@in_a_loop
async def test_the_same_reason_is_told_once() -> None:
    async with bench(*[DEAD] * 5, None) as made:
        ann = made.sit("Ann")
        kinds: list[str] = []
        while "open" not in kinds:
            item = await ann.next()
            kinds += [item["type"]] if isinstance(item, dict) else []
        assert kinds == ["people", "opening", "away", "open"]


@in_a_loop
async def test_what_is_typed_while_the_line_is_away_goes_nowhere() -> None:
    async with bench(pauses=(NEVER,)) as made:
        ann = made.sit("Ann")
        port, _ = await _pasting(made)
        port.ended(SILENT)
        await told(ann, "away")
        with pytest.raises(WrongState):
            made.line.heard(ann, b"y")
        made.line.try_now()
        again = await made.port(1)
        made.line.heard(ann, b"z")
        await until(lambda: again.typed)
        assert again.text == b"z"


@in_a_loop
async def test_viewers_are_told_of_errors_in_the_words_that_are_for_them() -> None:
    async with bench(DEAD, None, words=lambda error: f"({error.code})") as made:
        assert (await told(made.sit("Ann"), "away"))["because"] == "(bmc_unreachable)"


@pytest.mark.parametrize(
    "why",
    [WrongServer("Another one."), BmcAuthFailed("Refused."), NotSupported("No such thing.")],
    ids=lambda e: e.code,
)
def test_where_trying_again_would_do_harm_or_no_good_all_are_sent_home_with_the_reason(why: OobctlError) -> None:
    @in_a_loop
    async def case() -> None:
        async with bench(why) as made:
            ann = made.sit("Ann")
            assert await end_of(ann) == why.message
            assert made.running is not None
            await made.running
            assert len(made.opener.forced) == 1

    case()


@pytest.mark.parametrize("why", [BmcAuthUnconfirmed("It may be starting."), NotSupported("Not yet.")])
def test_what_a_bmc_says_while_it_starts_ends_nothing(why: OobctlError) -> None:
    @in_a_loop
    async def case() -> None:
        async with bench(None, why, None) as made:
            ann = made.sit("Ann")
            (await made.port()).ended(SILENT)
            await made.port(1)
            assert ann.ended is None

    case()


@in_a_loop
async def test_nobody_tries_again_for_nobody() -> None:
    async with bench(DEAD, grace=0.01) as made:
        ann = made.sit("Ann")
        await told(ann, "away")
        made.line.leave(ann)
        assert made.running is not None
        await made.running
        tried = len(made.opener.forced)
        await asyncio.sleep(0.05)
        assert len(made.opener.forced) == tried


@in_a_loop
async def test_a_gateway_that_stops_leaves_no_open_line_and_tells_viewers() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        port = await made.port()
        assert made.running is not None
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)
        assert port.closed.is_set()
        assert "Open it again" in str(await end_of(ann))


@in_a_loop
async def test_a_gateway_that_stops_while_a_line_is_opened_leaves_none_open() -> None:
    async with bench() as made:
        made.opener.gate.clear()
        made.sit("Ann")
        await until(lambda: made.opener.asked)
        assert made.running is not None
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)
        made.opener.gate.set()
        await until(lambda: made.opener.ports and made.opener.ports[0].closed.is_set())


@in_a_loop
async def test_a_slow_viewer_is_let_go_with_a_reason_and_slows_no_other() -> None:
    async with bench() as made:
        slow, quick = made.sit("Sam"), made.sit("Kim")
        port = await made.port()
        for number in range(40):
            port.heard(b"%07d" % number * 10_000)
            await shown(quick, b"%07d" % number)
        assert "too slow" in str(slow.ended)
        assert slow.waiting == 0
        assert quick.ended is None


@in_a_loop
async def test_what_came_while_there_was_no_room_is_said_in_its_place() -> None:
    async with bench() as made:
        ann = made.sit("Ann")
        port = await made.port()
        for _ in range(3):
            port.heard(b"x" * (1 << 19))
        assert await told(ann, "lost") == {"type": "lost", "bytes": 1 << 19}
