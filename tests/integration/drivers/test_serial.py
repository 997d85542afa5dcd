"""The serial line of a real guest over a real BMC stack: typed at, taken over, lost and had again."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import slots
from oobctl.drivers.serial import OpenSerial, open_serial
from oobctl.errors import (
    BmcTimeout,
    BmcUnreachable,
    NotSupported,
    NoWay,
    OobctlError,
    SerialInUse,
    WrongServer,
)
from oobctl.lab import rack as lab
from oobctl.lab.rack import LabServer
from oobctl.store import Server, database
from tests.integration.drivers.rows import HOLDER, Rows
from tests.relay import Relay

PATIENCE = 90.0
ROOT = Path(__file__).resolve().parents[3]
_HOLDS_A_LINE = """
import sys, time
from oobctl.drivers.serial import open_serial
open_serial(sys.argv[1], holder="gateway-killed", heard=lambda data: None, ended=print)
print("open", flush=True)
time.sleep(600)
"""


class Terminal:
    """A person at the line of web01."""

    def __init__(self, server_id: str, **how: Any) -> None:
        self.shown = bytearray()
        self.ends: list[OobctlError | None] = []
        how = {"holder": HOLDER, **how}
        self.port: OpenSerial = open_serial(server_id, heard=self.shown.extend, ended=self.ends.append, **how)

    def until(self, words: bytes, since: int = 0) -> None:
        """Until the server has shown them; pressing return, for who looks at a log-in that came before."""
        wait(lambda: words in self.shown[since:], lambda: self.port.write(b"\r"))

    def log_in(self) -> None:
        self.until(b"web01 login: ")
        self.port.write(b"root\r")
        wait(lambda: self.shown.rstrip().endswith((b"#", b"\x1b[6n")))

    def ask(self, command: bytes, answer: bytes) -> None:
        """Type this at the shell, until it has answered."""
        since = len(self.shown)
        self.port.write(command + b"\r")
        wait(lambda: answer in self.shown[since:])

    def close(self) -> None:
        self.port.write(b"\x03\rstty echo; exit\r")
        wait(lambda: not self.port.waiting or self.ends)
        self.port.close()


def wait(check: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end
        meanwhile()
        time.sleep(0.5)


@pytest.fixture
def web01(rows: Rows) -> Iterator[str]:
    """Its id; nobody has its serial line, also afterwards."""
    yield rows.enrol("web01")
    ipmitool(rows.rack.servers["web01"], "sol", "deactivate")


def command_of(server: LabServer, *arguments: str) -> tuple[list[str], dict[str, str]]:
    way = server.ipmi
    assert way is not None
    where = ["-H", way.address, "-p", str(way.port), "-U", way.user, "-E"]
    return ["ipmitool", "-I", "lanplus", "-C", "3", *where, *arguments], {**os.environ, "IPMI_PASSWORD": way.password}


def ipmitool(server: LabServer, *arguments: str) -> str:
    command, environment = command_of(server, *arguments)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def active(rows: Rows) -> bool:
    """Whether the BMC has the line open for anybody: Get Payload Activation Status."""
    return ipmitool(rows.rack.servers["web01"], "raw", "6", "0x4a", "1").split()[1:] != ["00", "00"]


@contextmanager
def somebody_else(rows: Rows) -> Iterator["subprocess.Popen[bytes]"]:
    """Who looks at the line with ipmitool."""
    command, environment = command_of(rows.rack.servers["web01"], "sol", "activate")
    terminal, inside = pty.openpty()
    process = subprocess.Popen(command, env=environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    try:
        wait(lambda: active(rows))
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


def test_who_opens_the_line_logs_in_and_types(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01)
    assert [(row.purpose, row.holder, row.protocol) for row in rows.sessions()] == [
        (SessionPurpose.SOL, HOLDER, Protocol.IPMI)
    ]
    assert rows.sessions()[0].native_id is not None
    terminal.log_in()
    terminal.ask(b"echo $((6*7))-by-$(hostname)", b"42-by-web01")
    terminal.close()
    assert terminal.ends == []
    assert rows.sessions() == []
    assert not active(rows)


def test_what_is_typed_arrives_whole_and_once_over_a_line_that_loses_packets(rows: Rows, web01: str) -> None:
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    relay = Relay(way.address, way.port)
    rows.move(way, relay.port)
    terminal = Terminal(web01)
    try:
        terminal.log_in()
        terminal.ask(b"stty -echo; wc -c", b"wc -c")
        relay.loss = relay.twice = 0.1
        for _ in range(50):
            terminal.port.write(b"x" * 59 + b"\r")
        since = len(terminal.shown)
        wait(lambda: not terminal.port.waiting)
        terminal.port.write(b"\x04")
        wait(lambda: b"3000" in terminal.shown[since:])
        assert relay.lost > 2
        assert relay.doubled > 2
        relay.loss = relay.twice = 0.0
        terminal.close()
    finally:
        relay.stop()


def test_a_line_that_somebody_else_has_is_taken_only_when_that_was_asked_for(rows: Rows, web01: str) -> None:
    with somebody_else(rows) as other:
        with pytest.raises(SerialInUse) as refused:
            Terminal(web01)
        assert refused.value.details["holder"] is None
        assert rows.sessions() == []
        assert other.poll() is None
        assert active(rows)
        terminal = Terminal(web01, deactivate_others=True)
        terminal.until(b"web01 login: ")
        terminal.close()


def test_a_line_that_a_living_process_of_ours_has_is_refused_with_its_name(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01, holder="gateway-one")
    with pytest.raises(SerialInUse, match="gateway-one") as refused:
        Terminal(web01, holder="gateway-two")
    assert refused.value.details["holder"] == "gateway-one"
    terminal.until(b"web01 login: ")
    terminal.close()


def test_the_line_of_a_killed_process_of_ours_is_ended_without_a_question(rows: Rows, web01: str) -> None:
    killed = subprocess.Popen([sys.executable, "-c", _HOLDS_A_LINE, web01], cwd=ROOT, stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"open\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert active(rows)
    slots.disown_all("gateway-killed")
    bmc = rows.connect(web01)  # who logs in meanwhile leaves the row to who needs it
    bmc.power.read()
    bmc.close()
    terminal = Terminal(web01)
    terminal.until(b"web01 login: ")
    assert [row.holder for row in rows.sessions()] == [HOLDER]
    terminal.close()


def test_a_bmc_that_falls_silent_ends_the_line_and_gives_it_back_to_us_alone(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01)
    terminal.until(b"web01 login: ")
    lab.inject(rows.rack.home, "web01", "bmc-dead")
    wait(lambda: terminal.ends)
    assert isinstance(terminal.ends[0], BmcUnreachable)
    terminal.port.close()
    assert [row.heartbeat < 0 for row in rows.sessions()] == [True]
    with pytest.raises(BmcUnreachable):
        Terminal(web01)
    lab.clear(rows.rack.home, "web01")
    assert active(rows)  # for a session of ours that we have no more
    again = Terminal(web01)
    again.until(b"web01 login: ")
    again.close()
    assert len(terminal.ends) == 1


def test_a_bmc_that_restarts_ends_the_line(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01)
    lab.inject(rows.rack.home, "web01", "bmc-password-changed")  # restarts it
    lab.clear(rows.rack.home, "web01")
    wait(lambda: terminal.ends)
    assert isinstance(terminal.ends[0], BmcUnreachable)
    terminal.port.close()


def test_a_line_that_is_taken_from_us_ends(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01)
    ipmitool(rows.rack.servers["web01"], "sol", "deactivate")
    with somebody_else(rows):
        wait(lambda: terminal.ends)
    assert isinstance(terminal.ends[0], SerialInUse)
    terminal.port.close()
    assert rows.sessions() == []


def test_nothing_is_opened_where_another_server_answers(rows: Rows, web01: str) -> None:
    lab.inject(rows.rack.home, "web01", "bmc-other-identity")
    with pytest.raises(WrongServer):
        Terminal(web01)
    assert not active(rows)
    assert rows.sessions() == []


def test_without_ipmi_there_is_no_line_and_the_reason_is_said(rows: Rows) -> None:
    with pytest.raises(NoWay, match="db01 has no IPMI endpoint"):
        Terminal(rows.enrol("db01"))


def test_nobody_types_at_a_bmc_that_does_not_tell_its_servers_apart(rows: Rows, web01: str) -> None:
    with database().write() as tx:
        one = tx.get_one(Server, web01)
        tx.add(Server(name="web02", site_id=one.site_id, bmc_id=one.bmc_id, lifecycle=one.lifecycle))
    with pytest.raises(NotSupported, match="several servers"):
        Terminal(web01)
    assert rows.sessions() == []


def test_a_process_that_was_taken_for_dead_gives_the_line_up(rows: Rows, web01: str) -> None:
    terminal = Terminal(web01)
    slots.disown_all(HOLDER)
    wait(lambda: terminal.ends)
    assert isinstance(terminal.ends[0], BmcTimeout)
    terminal.port.close()
