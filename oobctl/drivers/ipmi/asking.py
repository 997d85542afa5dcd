"""Asking a BMC many small things in a row: one that is busy for a moment is asked again, parts may be refused."""

from oobctl.drivers import loops
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.session import IpmiSession

APP, SENSOR, STORAGE, CHASSIS, TRANSPORT, GROUP = 0x06, 0x04, 0x0A, 0x00, 0x0C, 0x2C
BUSY, LOST_RESERVATION, NOT_THERE, NO_DATA = 0xC0, 0xC5, 0xCB, 0xCE
LACKED = frozenset({0xC1, 0xC2, 0xD6})  # the BMC has no such command
TOO_LONG = frozenset({0xC4, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCC, 0xCE, 0xFF})  # what BMCs answer to a long read
_PAUSES = (0.05, 0.2, 0.5)  # seconds before a busy BMC is asked again


def ask(session: IpmiSession, netfn: int, command: int, data: bytes = b"", *, what: str, lun: int = 0) -> Answer:
    """One question; asked again a few times where the BMC says that it is busy (0xC0). The code is not judged."""
    answer = session.exchange(netfn, command, data, what=what, lun=lun)
    for pause in _PAUSES:
        if answer.code != BUSY:
            break
        loops.sleep(pause)
        answer = session.exchange(netfn, command, data, what=what, lun=lun)
    return answer
