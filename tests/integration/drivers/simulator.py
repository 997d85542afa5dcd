"""One BMC of a test's own: an ipmi_sim without a machine, with the records, FRUs and commands of the test."""

import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from oobctl.constants import Protocol
from oobctl.drivers.connect import ConnectedBmc
from oobctl.lab.rack import Endpoint, LabServer, RackInfo
from tests.integration.drivers.peers import Peers
from tests.integration.drivers.rows import Rows

USER, PASSWORD = "admin", "simulated-secret"
GUID = uuid.UUID("6a2f1c1e-2f77-4b0e-9d5b-6a3a2f0c9f11")
_METHODS = "none md2 md5 straight"
_PATIENCE = 10.0


class Simulator:
    """Started at once.

    frus: the content of each FRU device, by its number. repository: else the records are those of a sensor device.
    log: what is in the event log from the start. guid: what it is told from others by.
    sessions: how many our user may have at once; one whose client died counts for a minute.
    """

    def __init__(
        self,
        folder: Path,
        *,
        records: Sequence[bytes] = (),
        commands: Sequence[str] = (),
        frus: dict[int, bytes] | None = None,
        repository: bool = True,
        log: Sequence[bytes] = (),
        guid: uuid.UUID = GUID,
        sessions: int = 10,
    ) -> None:
        self._folder, self._guid, self._sessions = folder, guid, sessions
        self._records, self._commands, self._frus = records, commands, frus or {}
        self._repository, self._kept_log = repository, log
        self._firmware = 0x11
        self.address, self.port = "127.0.0.1", free_port()
        self._system_interface = free_port()
        self._log = folder / "log"
        self._start()

    def _start(self) -> None:
        self._write()
        self._log.unlink(missing_ok=True)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                ["ipmi_sim", "-c", "lan.conf", "-f", "bmc.emu", "-s", str(self._folder / "state")],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_open()

    @property
    def pid(self) -> int:
        return self._process.pid

    def as_server(self) -> LabServer:
        """As a rack describes its servers."""
        way = Endpoint(self.address, self.port, USER, PASSWORD)
        identity = {"system_uuid": str(self._guid), "serial": "", "bmc_mac": ""}
        nowhere = Endpoint(self.address, 0, "", "")
        log = self._folder / "chassis.log"
        return LabServer("sim", way, None, nowhere, ("", 0), None, identity, "bios", log, log)

    def command(self, *lines: str) -> None:
        """Type at the simulator's console, and wait until it has taken all."""
        assert self._process.stdin is not None
        seen = self._log.stat().st_size
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()
        self._wait_for(lambda: self._log.read_bytes()[seen:].count(b"> ") >= len(lines))

    def count(self, words: str) -> int:
        """How often the words are in what it printed."""
        return self._log.read_bytes().count(words.encode())

    def peers(self) -> Peers:
        """Other clients that ask the same BMC."""
        return Peers(self.address, self.port, USER, PASSWORD, self._folder)

    def update(self, records: Sequence[bytes], commands: Sequence[str]) -> None:
        """Another firmware: it restarts at the same place, and has these sensors from then on."""
        self.stop()
        self._records, self._commands, self._firmware = records, commands, self._firmware + 1
        self._start()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _write(self) -> None:
        state = self._folder / "state" / "ipmi_sim" / "sim"
        state.mkdir(parents=True, exist_ok=True)
        if self._kept_log:
            (state / "sel.20").write_text("".join(map(_kept, reversed(self._kept_log))))
        configuration = [
            'name "sim"',
            "set_working_mc 0x20",
            "startlan 1",
            f"addr {self.address} {self.port}",
            "priv_limit admin",
            *(f"allowed_auths_{level} {_METHODS}" for level in ("callback", "user", "operator", "admin")),
            f"guid {self._guid.bytes_le.hex()}",
            "endlan",
            f"serial 15 {self.address} {self._system_interface} codec VM",
            'startcmd "sleep 1000000"',
            f'user 1 false "" "" user 10 {_METHODS}',
            f'user 2 true "{USER}" "{PASSWORD}" admin {self._sessions} {_METHODS}',
        ]
        (self._folder / "lan.conf").write_text("\n".join(configuration) + "\n")
        (self._folder / "bmc.emu").write_text("\n".join(self._emulator()) + "\n")

    def _emulator(self) -> list[str]:
        lines = [
            "mc_setbmc 0x20",
            f"mc_add 0x20 0x20 no-device-sdrs 0x01 2 {self._firmware:#04x} 0x9f 0x0291 0xf02"
            if self._repository
            else f"mc_add 0x20 0x20 has-device-sdrs 0x01 2 {self._firmware:#04x} 0x9d 0x0291 0xf02",
            f"sel_enable 0x20 {max(5000, len(self._kept_log) + 100)} 0x0a",
        ]
        add = "main_sdr_add 0x20" if self._repository else "device_sdr_add 0x20 0"
        for record in self._records:
            lines.append(f"{add} " + " ".join(f"0x{byte:02x}" for byte in record))
        lines += self._commands
        for number, content in self._frus.items():
            file = self._folder / f"fru{number}.bin"
            file.write_bytes(content)
            lines.append(f'mc_add_fru_data 0x20 {number} {len(content)} file 0 "{file}"')
        return [*lines, "mc_enable 0x20"]

    def _wait_until_open(self) -> None:
        self._wait_for(lambda: b"mc_enable" in self._log.read_bytes())

    def _wait_for(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(self._log.read_text(errors="replace")[-2000:])
            time.sleep(0.01)


def _kept(entry: bytes) -> str:
    """An entry of the event log as the simulator keeps it."""
    return f"{int.from_bytes(entry[:2], 'little')}:d:" + "".join(f"\\{byte:02x}" for byte in entry) + "\n"


def free_port() -> int:
    """A port that is free for UDP and TCP at 127.0.0.1 now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Bench:
    """A simulated BMC, enrolled, and a connection to it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.rows = Rows(RackInfo(Path(), {"sim": simulator.as_server()}, None, {}))
        self.server_id = self.rows.enrol("sim", protocols=(Protocol.IPMI,))
        self.bmc = self.connect()

    def connect(self, **how: Any) -> ConnectedBmc:
        """Another connection, with another fence or check."""
        return self.rows.connect(self.server_id, **how)

    def stop(self) -> None:
        self.bmc.close()
        self.simulator.stop()
