"""A state that is ensured: what is said while the hardware does not get there, and what is known at the end."""

from collections.abc import Callable
from typing import Any

import pytest

from oobctl import actions, profiles
from oobctl.actions import steps
from oobctl.constants import PowerState, ResetType
from oobctl.errors import BmcTimeout, StateNotReached
from oobctl.jobs import progress
from oobctl.jobs import run as running
from oobctl.jobs.action import NoParameters
from oobctl.jobs.run import Acted, Run

SILENCE = "No answer from the BMC at 127.0.9.1, UDP port 623, within 5 s."


class Bmc:
    """A BMC whose answers are a script: each reading is a state, or silence; the commands likewise."""

    def __init__(self, readings: list[PowerState | None], takes: bool = True, sent: bool | None = None) -> None:
        self.power = self
        self._readings, self._takes, self._sent = readings, takes, sent
        self.got: list[ResetType] = []

    def read(self) -> PowerState:
        found = self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]
        if found is None:
            raise BmcTimeout(SILENCE)
        return found

    def set(self, reset: ResetType) -> None:
        self.got.append(reset)
        if not self._takes:
            raise BmcTimeout(SILENCE, **({} if self._sent is None else {"sent": self._sent}))


@pytest.fixture
def cycling(monkeypatch: pytest.MonkeyPatch) -> Callable[[Bmc], tuple[Run, list[str]]]:
    """A power cycle in its last step, the server off; with it, all that the job said it waits for."""

    def make(bmc: Bmc) -> tuple[Run, list[str]]:
        said: list[str] = []
        now = [0.0]

        def say(_job: str, _owner: str, words: str) -> None:
            said.append(words)

        class Clock:
            @staticmethod
            def monotonic() -> float:
                now[0] += 1.0
                return now[0]

        for module in (running, steps):
            monkeypatch.setattr(module, "time", Clock)
        monkeypatch.setattr(progress, "waits_for", say)
        monkeypatch.setattr(progress, "cancel_asked", lambda *_: False)
        monkeypatch.setattr(progress, "saw_power", lambda *_: None)
        action = actions.find("power.cycle")
        run = Run(Acted("job", "id", "web01"), action, NoParameters(), profiles.find("generic-ipmi"), "worker-test")
        run.position, run.acted_already = action.position_of("ensure_on"), True
        run.evidence = {"after": {"PowerState": "Off", "read_at": "2026-01-01T00:00:00.000Z"}}
        vars(run)["_bmc"] = bmc
        monkeypatch.setattr(run.stopping, "wait", lambda _seconds: False)
        return run, said

    return make


def ended(run: Run) -> Any:
    with pytest.raises(StateNotReached) as caught:
        steps.ensure_on(run)
    return caught.value


def test_what_a_job_waits_for_is_told_anew_after_each_look(
    cycling: Callable[[Bmc], tuple[Run, list[str]]],
) -> None:
    run, said = cycling(Bmc([None]))
    bytes_done: list[int] = []

    def there() -> bool:
        bytes_done.append(len(bytes_done) + 1)
        return len(bytes_done) == 3

    assert run.until(there, 100, lambda: f"for byte {len(bytes_done)}")
    assert said == ["for byte 1", "for byte 2"]


def test_a_bmc_that_falls_silent_is_named_while_the_job_waits(
    cycling: Callable[[Bmc], tuple[Run, list[str]]],
) -> None:
    run, said = cycling(Bmc([None, None, PowerState.OFF, PowerState.OFF, PowerState.ON]))
    steps.ensure_on(run)
    assert said == [f"for web01 to be On; its BMC: {SILENCE}", "for web01 to be On"]


def test_a_switch_on_that_could_not_be_sent_is_told_and_that_the_server_is_left_off(
    cycling: Callable[[Bmc], tuple[Run, list[str]]],
) -> None:
    bmc = Bmc([None])
    run, _said = cycling(bmc)
    error = ended(run)
    assert bmc.got == []
    assert "The command On could not be sent" in error.message
    assert "last read: Off" in error.message
    assert "web01 is probably left Off" in error.message
    assert SILENCE in error.message
    assert "power.on" in error.message


def test_a_command_that_the_bmc_took_and_nothing_came_of_is_told(
    cycling: Callable[[Bmc], tuple[Run, list[str]]],
) -> None:
    run, said = cycling(Bmc([PowerState.OFF]))
    error = ended(run)
    assert "The BMC took the command On" in error.message
    assert "web01 is left Off" in error.message
    assert SILENCE not in error.message
    assert said == ["for web01 to be On"]


def test_what_became_of_a_server_whose_bmc_fell_silent_after_the_command_is_not_known(
    cycling: Callable[[Bmc], tuple[Run, list[str]]],
) -> None:
    run, _said = cycling(Bmc([PowerState.OFF, PowerState.OFF, None]))
    error = ended(run)
    assert "The BMC took the command On" in error.message
    assert "left" not in error.message
    assert "What web01 is now is not known" in error.message


@pytest.mark.parametrize(
    ("sent", "words"), [(False, "could not be sent"), (None, "whether the BMC took it is not known")]
)
def test_an_unclear_answer_to_the_command_is_told_as_what_it_is(
    cycling: Callable[[Bmc], tuple[Run, list[str]]], sent: bool | None, words: str
) -> None:
    run, _said = cycling(Bmc([PowerState.OFF], takes=False, sent=sent))
    assert words in ended(run).message
