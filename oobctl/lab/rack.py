"""Start, look at, disturb and end the virtual rack; what the command line, the demo and the tests call."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oobctl.lab import acceleration, processes, rack_socket
from oobctl.lab.chassis_log import read_chassis_log
from oobctl.lab.errors import LabError, LabNotRunning, LabRefused
from oobctl.lab.image.build import cache_folder, ensure_image
from oobctl.lab.plan import DEFAULT_NET, SERVERS, choose_ports, place_of
from oobctl.lab.preflight import check_addresses, check_net, check_programs
from oobctl.lab.supervisor import is_locked

Progress = Callable[[str], None]

GATEWAY = "10.0.2.2"
"""As the rack's servers see this computer."""
_BOOT_FILE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._-]+)*")
_UP_PATIENCE = 120.0
_DOWN_PATIENCE = 20.0


@dataclass(frozen=True)
class Endpoint:
    """Where a protocol answers and how to sign in."""

    address: str
    port: int
    user: str
    password: str

    def as_dict(self) -> dict[str, Any]:
        return {"address": self.address, "port": self.port, "user": self.user, "password": self.password}


@dataclass(frozen=True)
class LabServer:
    """One server of a running rack."""

    name: str
    ipmi: Endpoint | None
    redfish: Endpoint | None
    vnc: Endpoint
    serial: tuple[str, int]
    tls: dict[str, str] | None
    identity: dict[str, str]
    firmware: str
    chassis_log: Path
    serial_log: Path

    def commands(self) -> list[dict[str, Any]]:
        """Every command that reached the chassis so far: time, source (ipmi, redfish, lab, guest), command."""
        return read_chassis_log(self.chassis_log)


@dataclass(frozen=True)
class RackInfo:
    """A running rack, as rack.json describes it."""

    home: Path
    servers: dict[str, LabServer]
    light: dict[str, Any] | None
    description: dict[str, Any]
    already_running: bool = False


def up(
    home: Path,
    *,
    net: str = DEFAULT_NET,
    servers: Sequence[str] = SERVERS,
    light: int = 0,
    powered_on: bool = True,
    progress: Progress = lambda _message: None,
) -> RackInfo:
    """Start the rack of a home folder and return when every BMC answers; a running one is returned as it is.

    The supervisor goes on when this process ends. The first call builds the guest image.
    Raises LabError when something is missing, an address is taken, or a part does not start.
    """
    folder = home.resolve() / "lab"
    if is_locked(folder):
        return _running(home)
    request = prepare(home, net=net, servers=servers, light=light, powered_on=powered_on, progress=progress)
    log = folder / "supervisor.log"
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "oobctl.lab", json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            text=True,
        )
    _follow(supervisor, progress, log)
    return load(home)


def prepare(
    home: Path, *, net: str, servers: Sequence[str], light: int, powered_on: bool, progress: Progress
) -> dict[str, Any]:
    """Check what a rack needs, build the guest image when there is none, and return the supervisor's request."""
    check_net(net, light)
    places = [place_of(name) for name in servers]
    check_programs()
    ports = choose_ports(f"{net}.1")
    check_addresses(net, places, ports)
    image, key = ensure_image(progress)
    (home.resolve() / "lab").mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "home": str(home.resolve()),
        "net": net,
        "servers": list(servers),
        "light": light,
        "powered_on": powered_on,
        "ipmi_port": ports.ipmi,
        "redfish_port": ports.redfish,
        "image": str(image),
        "image_key": key,
        "kvm": acceleration.kvm_works(cache_folder()),
    }


def load(home: Path) -> RackInfo:
    """What rack.json says about the rack of a home folder. Raises LabNotRunning when there is none."""
    path = home.resolve() / "lab" / "rack.json"
    try:
        description = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        raise LabNotRunning(f"No rack runs in {home}. Start one with: oobctl lab up") from None
    servers = {name: _server(name, values) for name, values in description["servers"].items()}
    return RackInfo(home=home, servers=servers, light=description["light"], description=description)


def down(home: Path, *, remove: bool = False) -> bool:
    """End the rack of a home folder; returns whether one ran. `remove` deletes its state, passwords included.

    Raises LabError when it does not end within 20 s.
    """
    folder = home.resolve() / "lab"
    ran = is_locked(folder)
    if ran:
        with contextlib.suppress(LabError):
            rack_socket.ask(folder, "down", timeout=_DOWN_PATIENCE)
        if not _ended(folder, 2.0):
            _end_by_record(folder)
    if remove and folder.exists():
        shutil.rmtree(folder)
    return ran


def status(home: Path) -> dict[str, Any]:
    """Power, override, faults, packets and process ids of each server. Raises LabNotRunning."""
    return rack_socket.ask(home.resolve() / "lab", "status")


def inject(home: Path, server: str, fault: str) -> list[str]:
    """Make a server show a fault; returns what of it cannot be seen, as sentences. Raises LabRefused."""
    answer = rack_socket.ask(home.resolve() / "lab", "inject", server=server, fault=fault)
    return [str(sentence) for sentence in answer["not_shown"]]


def clear(home: Path, server: str) -> list[str]:
    """Undo all faults of a server; returns which there were. Its BMC's users, logs and settings stay as they are.

    Raises LabRefused for an unknown server.
    """
    answer = rack_socket.ask(home.resolve() / "lab", "clear", server=server)
    return [str(fault) for fault in answer["cleared"]]


def reset_users(home: Path, server: str) -> None:
    """Give a BMC its factory's users back: the administrator and password of rack.json alone. Raises LabRefused."""
    command(home, server, "reset-users")


def command(home: Path, server: str, name: str, **arguments: Any) -> dict[str, Any]:
    """Push a server's buttons from outside its BMC: power-on, power-off, reset, ... Raises LabRefused."""
    return rack_socket.ask(
        home.resolve() / "lab", "command", server=server, command=name, source="lab", arguments=arguments
    )


def set_boot_file(home: Path, url: str | None) -> None:
    """What the DHCP service in the servers' network names as their boot file; from each server's next power-on on.

    The servers reach this computer at GATEWAY. Raises LabRefused for an URL that QEMU would read as something else.
    """
    if url is not None and not _BOOT_FILE.fullmatch(url):
        raise LabRefused(f"{url[:100]!r} is no http URL that can be a boot file.")
    for server in load(home).servers:
        command(home, server, "boot-file", url=url)


def packets(home: Path, server: str, *, since: float = 0.0) -> list[tuple[float, str, int]]:
    """The IPMI packets that the relay saw since a unix time: (unix time, "in" or "out", bytes). Raises LabRefused."""
    answer = rack_socket.ask(home.resolve() / "lab", "packets", server=server, since=since)
    return [(moment, direction, size) for moment, direction, size in answer["packets"]]


# --- the supervisor's start and end -----------------------------------------------------------------------------


def _follow(supervisor: "subprocess.Popen[str]", progress: Progress, log: Path) -> None:
    """Read the supervisor's lines until it is ready. Raises LabError with its own words when it gives up."""
    assert supervisor.stdout is not None
    with supervisor.stdout as lines:
        for line in lines:
            message = json.loads(line)
            if "progress" in message:
                progress(message["progress"])
            elif "ready" in message:
                return
            else:
                raise LabError(f"The rack did not start: {message['error']} The log is {log}.")
    raise LabError(f"The rack's supervisor ended during its start (exit code {supervisor.wait()}). The log is {log}.")


def _running(home: Path) -> RackInfo:
    """The rack that another process started; waits while it is still starting."""
    folder = home.resolve() / "lab"
    deadline = time.monotonic() + _UP_PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(LabNotRunning):
            pid = rack_socket.ask(folder, "status")["pid"]
            info = load(home)
            if info.description["supervisor"]["pid"] == pid:
                return RackInfo(home, info.servers, info.light, info.description, already_running=True)
        if not is_locked(folder):
            break
        time.sleep(0.2)
    raise LabError(f"A rack is being started or ended in {folder}, and it does not get ready. Try again.")


def _ended(folder: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while is_locked(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _end_by_record(folder: Path) -> None:
    """A supervisor that does not listen any more is ended by its pid, if that pid is still the same process."""
    try:
        recorded = json.loads((folder / "rack.json").read_text())["supervisor"]
    except (FileNotFoundError, ValueError, KeyError):
        recorded = None
    for number in (signal.SIGTERM, signal.SIGKILL):
        if recorded and processes.is_running(recorded["pid"], recorded["start_time"]):
            os.kill(recorded["pid"], number)
        if _ended(folder, _DOWN_PATIENCE / 2):
            return
    raise LabError(f"The rack in {folder} does not end. The process that holds {folder / 'lock'} has to be ended.")


def _server(name: str, values: dict[str, Any]) -> LabServer:
    def endpoint(protocol: str) -> Endpoint | None:
        return Endpoint(**values[protocol]) if protocol in values else None

    return LabServer(
        name=name,
        ipmi=endpoint("ipmi"),
        redfish=endpoint("redfish"),
        vnc=Endpoint(**values["vnc"]),
        serial=(values["serial"]["address"], values["serial"]["port"]),
        tls=values.get("tls"),
        identity=values["identity"],
        firmware=values["firmware"],
        chassis_log=Path(values["chassis_log"]),
        serial_log=Path(values["serial_log"]),
    )
