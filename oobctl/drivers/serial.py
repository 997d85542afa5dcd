"""The serial line of a server: opened at its BMC, with what is shown and typed as bytes."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import ipmi
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.drivers.dead_sessions import dead_lines
from oobctl.drivers.slots import forget
from oobctl.drivers.ways import check_alone, rows_of, serial_login
from oobctl.drivers.web_serial import WebSerial, open_web_serial
from oobctl.errors import OobctlError, SerialInUse
from oobctl.store import BmcSession, Server, database

BYTES_PER_SECOND = 11520.0  # of a line at 115200 baud, the usual one


class SerialPort:
    """An open line. All of it is for any thread; nothing but `close` waits. breaks: it can send one."""

    breaks = True

    def __init__(self, bmc: ConnectedBmc, serial: ipmi.IpmiSerial, line: ipmi.Sol) -> None:
        self._bmc, self._serial, self._line = bmc, serial, line
        self._closed = False

    @property
    def waiting(self) -> int:
        """Bytes that were written and that the BMC has not taken yet."""
        return self._line.waiting

    def write(self, data: bytes) -> None:
        """Type this. At most 1 MiB waits; what is more is dropped."""
        self._line.type(data)

    def send_break(self) -> None:
        """Send a break, after what was written before."""
        self._line.send_break()

    def close(self) -> None:
        """Give the line back and log out; seconds where the BMC is silent. `ended` is not called. Never raises."""
        if not self._closed:
            self._closed = True
            self._serial.close(self._line)
            self._bmc.close()


OpenSerial = SerialPort | WebSerial


def open_serial(
    server_id: str,
    *,
    holder: str,
    heard: Callable[[bytes], None],
    ended: Callable[[OobctlError | None], None],
    deactivate_others: bool = False,
) -> OpenSerial:
    """Open the serial line of a server, after asking who answers there. Waits for the BMC.

    holder: the process, which beats for its slots (slots.beat_all). heard: what the server writes. ended: the line
    ended by itself, and why (BmcUnreachable where the BMC is silent, within 15 s); the port is still to be closed. Both
    are called from the loop's thread and must not block. deactivate_others: also where somebody else has the line; a
    dead session of ours is ended in any case.

    Raises SerialInUse, NotSupported where there is no serial line, and what `connect` and reading from the BMC raise.
    """
    check_alone(server_id, "serial line")
    login = serial_login(rows_of(server_id), holder)
    if login is not None:
        _ask_who(server_id, holder)
        return open_web_serial(login, heard, ended)
    bmc = connect(server_id, purpose=SessionPurpose.SOL, holder=holder, fence=lambda _seconds: None)
    try:
        dead = dead_lines(server_id)  # before the login, which is one more session of ours

        def end_of(owners: Sequence[str]) -> None:
            if not deactivate_others and not any(row.native_id in owners for row in dead):
                raise _in_use(server_id, owners)

        serial = bmc.serial
        line = serial.open(heard, ended, end_of)
        for row in dead:
            forget(row.id)
    except BaseException:
        bmc.close()
        raise
    return SerialPort(bmc, serial, line)


def _ask_who(server_id: str, holder: str) -> None:
    """Raises WrongServer where another server answers: a web server does not tell whose line it carries."""
    bmc = connect(server_id, purpose=SessionPurpose.SOL, holder=holder, fence=lambda _seconds: None)
    try:
        bmc.identify()
    finally:
        bmc.close()


def _in_use(server_id: str, owners: Sequence[str]) -> SerialInUse:
    """Who has the line, as far as that is known: a living process of ours, or somebody else."""
    with database().read() as tx:
        bmc_id = select(Server.bmc_id).where(Server.id == server_id).scalar_subquery()
        ours = (BmcSession.bmc_id == bmc_id, BmcSession.protocol == Protocol.IPMI, BmcSession.native_id.in_(owners))
        holder = tx.scalar(select(BmcSession.holder).where(*ours))
    who = f"oobctl's process {holder}" if holder else "somebody else, over IPMI,"
    return SerialInUse(
        f"The serial line was to be opened, and {who} has it open at the BMC. Wait until it is free, or take it over, "
        "which ends what they see.",
        holder=holder,
    )
