"""A connection to a BMC whose answers are a script, where it is our own judgement that is tried, and no driver."""

from collections.abc import Callable
from typing import Any

from oobctl.constants import PowerState
from oobctl.errors import NotSupported
from tests.unit.readings import samples

ANSWERS: dict[str, Any] = {
    "health": samples.HEALTH,
    "sensors": samples.SENSORS,
    "event_log": samples.log(samples.entry(1), whole=("SEL",)),
    "inventory": samples.INVENTORY,
    "bios": NotSupported("This BMC has no BIOS settings."),
    "virtual_media": NotSupported("This BMC has no virtual media."),
    "power_metering": samples.METERING,
    "users": samples.USERS,
    "security": samples.security(cipher_zero=False),
}


class Script:
    """A connection whose answers are a script: reports, errors, or what is to be called for one."""

    made: list["Script"] = []  # noqa: RUF012

    def __init__(self, server_id: str) -> None:
        self.server_id, self.closed, self.asked = server_id, False, list[str]()
        self.answers: dict[str, Any] = {"power": PowerState.ON, **ANSWERS}
        Script.made.append(self)

    def __getattr__(self, name: str) -> "ScriptedCapability":
        if name.startswith("_"):
            raise AttributeError(name)
        return ScriptedCapability(self, name)

    def checked(self, read: Callable[[], Any]) -> Any:
        return read()

    def close(self) -> None:
        self.closed = True


class ScriptedCapability:
    def __init__(self, script: Script, name: str) -> None:
        self._script, self._name = script, name

    def read(self, *_arguments: Any) -> Any:
        self._script.asked.append(self._name)
        answer = self._script.answers[self._name]
        answer = answer() if callable(answer) else answer
        if isinstance(answer, BaseException):
            raise answer
        return answer
