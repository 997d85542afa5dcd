"""The serial line over IPMI: activating it at the BMC, and who has it (IPMI 2.0, sections 15 and 24)."""

import contextlib
import time
from collections.abc import Callable, Sequence

from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.asking import APP
from oobctl.drivers.ipmi.lan import Answer, LanSession, SessionFailed
from oobctl.drivers.ipmi.loop import loop
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.sol import LineEnded, Sol, owners_of
from oobctl.errors import BmcError, BmcTimeout, NotSupported, OobctlError, SerialInUse

_ACTIVATE, _DEACTIVATE, _OWNER = 0x48, 0x49, 0x4B
_LINE = bytes((1, 1))  # payload type Serial over LAN, its first instance
_SECURED = bytes((0xC0, 0, 0, 0))  # encrypted, authenticated, no alerts, no handshake (table 15-1)
_ACTIVE, _SWITCHED_OFF, _FULL, _NOT_ENCRYPTED, _NOT_PLAIN = 0x80, 0x81, 0x82, 0x83, 0x84  # of table 24-2
_HEADER = 4  # of a packet: what a BMC says that it takes counts it
_SHORT = 32  # bytes that any BMC takes
_PORT = 623
_ANSWER_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_PAUSES = (0.2, 0.5, 1.0)  # seconds until a BMC has let go of a line that was deactivated

Ended = Callable[[OobctlError | None], None]


class IpmiSerial:
    """The line of one session. To be opened once."""

    def __init__(self, session: IpmiSession) -> None:
        self._session = session

    def open(self, heard: Callable[[bytes], None], ended: Ended, end_of: Callable[[Sequence[str]], None]) -> Sol:
        """Activate it. heard, ended: called from the loop's thread.

        end_of: asked where another session has the line, with the names that it may have; returns where that one may
        be ended. Raises what it raises, SerialInUse, NotSupported, and what reading from the BMC raises.
        """
        lan = self._session.begin()
        sol = Sol(loop(), lan, heard, lambda why: ended(self._told(why)), self._session.login.slot.holds)
        lan.line = sol
        try:
            longest = _longest(self._judged(self._activated(lan, end_of)))
        except BaseException:
            sol.stop()
            raise
        loop().call(lambda: sol.run(longest))
        return sol

    def close(self, sol: Sol) -> None:
        """Give the line back. Never raises: where the BMC is silent the line ends with the session."""
        loop().call(sol.stop)
        lan = sol.lan
        with contextlib.suppress(BmcError):
            what = "close the serial line"
            self._session.ask_over(lan, APP, _DEACTIVATE, _LINE + bytes(4), _GOODBYE_SECONDS, what=what)

    def _activated(self, lan: LanSession, end_of: Callable[[Sequence[str]], None]) -> Answer:
        answer = self._activate(lan)
        if answer.code != _ACTIVE:
            return answer
        end_of(owners_of(self._ask(lan, _OWNER, _LINE, "say which session has the serial line")))
        return self._take_over(lan)

    def _activate(self, lan: LanSession) -> Answer:
        return self._ask(lan, _ACTIVATE, _LINE + _SECURED, "open the serial line")

    def _take_over(self, lan: LanSession) -> Answer:
        """End the session's line that has it, and activate ours."""
        self._ask(lan, _DEACTIVATE, _LINE + bytes(4), "end the serial line")
        answer = self._activate(lan)
        for pause in _PAUSES:
            if answer.code != _ACTIVE:
                break
            time.sleep(pause)
            answer = self._activate(lan)
        return answer

    def _ask(self, lan: LanSession, command: int, data: bytes, what: str) -> Answer:
        return self._session.ask_over(lan, APP, command, data, _ANSWER_SECONDS, what=what)

    def _judged(self, answer: Answer) -> bytes:
        """The answer to the activation. Raises SerialInUse, NotSupported, and what `codes.check` raises."""
        where = self._session.where
        if answer.code in {_ACTIVE, _FULL}:
            raise SerialInUse(f"The BMC at {where} gives its serial line to nobody else while another program has it.")
        if answer.code == _SWITCHED_OFF:
            raise NotSupported(
                f"Serial over LAN is switched off at the BMC at {where}, or for its user. Switch it on there."
            )
        if answer.code in {_NOT_ENCRYPTED, _NOT_PLAIN}:
            raise NotSupported(f"The BMC at {where} has no encrypted serial line, and another one is not opened.")
        data = codes.check(answer, "open the serial line")
        port = int.from_bytes(data[8:10], "little")
        ours = {0, _PORT, self._session.login.endpoint.port}
        if port not in ours and int.from_bytes(data[8:10], "big") not in ours:
            raise NotSupported(f"The BMC at {where} wants its serial line at UDP port {port}, where IPMI is not asked.")
        return data

    def _told(self, why: Exception) -> OobctlError:
        """Why the line ended."""
        where = self._session.where
        if isinstance(why, SessionFailed):
            return codes.silence(why, where, "the question whether the serial line is open")
        if isinstance(why, LineEnded) and why.taken:
            return SerialInUse(f"The serial line at {where} was taken from us: {why}.")
        return BmcTimeout(f"The serial line at {where} was given up: {why}.")


def _longest(data: bytes) -> int:
    """How many bytes the BMC takes in a packet."""
    said = int.from_bytes(data[4:6], "little") - _HEADER
    return said if said > 0 else _SHORT
