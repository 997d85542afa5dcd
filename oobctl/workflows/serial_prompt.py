"""Whether a server's serial line asks for a log-in: what there is to look at where no network leads to a new system."""

import re
import threading

from oobctl.constants import Capability
from oobctl.drivers.serial import open_serial
from oobctl.errors import NotSupported, OobctlError
from oobctl.jobs.run import Run

_LOOK_SECONDS, _PRESS_AGAIN = 12.0, 4
_KEPT_BYTES = 4096
_PROMPT = re.compile(r"(?:^|[\r\n])([^\r\n]{0,80}login: ?)[\r\n]*$")


def seen(run: Run) -> str:
    """The prompt that the line shows after Enter. Raises NotSupported where there is no such line, OobctlError where it
    cannot be opened or asks for nothing within 12 s."""
    spoken = run.profile.transports.get(Capability.CONSOLE_SERIAL, ())
    if not spoken:
        raise NotSupported(f"{run.name} has no serial line that oobctl can open.")
    heard, more, closed = bytearray(), threading.Event(), list[OobctlError | None]()

    def hear(data: bytes) -> None:
        heard.extend(data)
        del heard[:-_KEPT_BYTES]
        more.set()

    def ended(why: OobctlError | None) -> None:
        closed.append(why)
        more.set()

    port = open_serial(run.acted.server_id, holder=run.executor, heard=hear, ended=ended)
    try:
        for _ in range(_PRESS_AGAIN):
            port.write(b"\r")
            if (found := _read(heard, more)) is not None:
                return found
            if closed:
                raise closed[0] or OobctlError("Its serial line was closed, and nothing said why.")
    finally:
        port.close()
    raise OobctlError(f"Its serial line asked for no log-in within {_LOOK_SECONDS:.0f} s.")


def _read(heard: bytearray, more: threading.Event) -> str | None:
    """The prompt at the end of what was heard, as soon as it is there."""
    for _ in range(int(_LOOK_SECONDS / _PRESS_AGAIN / 0.5)):
        more.wait(0.5)
        more.clear()
        found = prompt_in(bytes(heard))
        if found is not None:
            return found
    return None


def prompt_in(heard: bytes) -> str | None:
    """The prompt for a log-in with which this ends; None where it ends otherwise. Control sequences are left out."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", heard.decode(errors="replace"))
    found = _PROMPT.search(text)
    return "".join(sign for sign in found.group(1) if sign.isprintable()).strip() if found else None
