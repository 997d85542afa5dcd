"""Starting and ending a rack: it leaves nothing behind, however it ends, and ends nothing that is not its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oobctl.lab import processes, rack
from oobctl.lab.errors import LabError, LabNotRunning
from oobctl.lab.plan import SERVERS, choose_ports, server_names
from tests.integration.lab.lab_clients import SYSTEM, Server, eventually
from tests.nets import own_net

NET = own_net(1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    rack.down(tmp_path)


def _up(home: Path, **arguments: object) -> rack.RackInfo:
    return rack.up(home, net=NET, **{"servers": ["web01"], **arguments})  # type: ignore[arg-type]


def _belonging_to(home: Path) -> list[str]:
    """The command lines of all processes that name this home folder, in arguments or open files."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home) in arguments and int(folder.name) != os.getpid():
            found.append(arguments)
    return found


def _supervisor(info: rack.RackInfo) -> int:
    return int(info.description["supervisor"]["pid"])


def test_down_ends_every_process(home: Path) -> None:
    _up(home, servers=SERVERS, light=3)
    assert len(_belonging_to(home)) == 1 + 3 + 2 + 2 + 3  # supervisor, QEMU, ipmi_sim, Redfish, light BMCs
    assert rack.down(home)
    eventually(lambda: not _belonging_to(home), 10)


def test_down_without_a_rack_says_that_none_ran(home: Path) -> None:
    assert not rack.down(home)
    with pytest.raises(LabNotRunning):
        rack.status(home)


def test_a_second_up_returns_the_running_rack(home: Path) -> None:
    first = _up(home)
    second = _up(home)
    assert second.already_running
    assert _supervisor(second) == _supervisor(first)


def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(home: Path) -> None:
    first = _up(home, servers=SERVERS, light=3)
    os.kill(_supervisor(first), signal.SIGKILL)
    eventually(lambda: not _belonging_to(home), 20)
    assert not _up(home, servers=SERVERS, light=3).already_running


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.7])
def test_a_supervisor_killed_during_its_start_leaves_nothing_behind(home: Path, delay: float) -> None:
    request = rack.prepare(home, net=NET, servers=SERVERS, light=20, powered_on=True, progress=lambda _message: None)
    starting = subprocess.Popen(
        [sys.executable, "-m", "oobctl.lab", json.dumps(request)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        starting.wait(delay)
    except subprocess.TimeoutExpired:
        starting.kill()
        starting.wait()
    eventually(lambda: not _belonging_to(home), 20)
    assert not _up(home).already_running


@pytest.mark.parametrize("part", ["ipmi", "qemu"])
def test_a_killed_part_leaves_nothing_that_stops_the_next_start(home: Path, part: str) -> None:
    _up(home)
    os.kill(rack.status(home)["servers"]["web01"]["pids"][part], signal.SIGKILL)
    eventually(lambda: rack.status(home)["servers"]["web01"]["pids"][part] is None, 10)
    rack.down(home)
    assert rack.status(home)["servers"] if not _up(home).already_running else False


def test_a_machine_that_was_killed_is_off_and_can_be_switched_on(home: Path) -> None:
    _up(home)
    os.kill(rack.status(home)["servers"]["web01"]["pids"]["qemu"], signal.SIGKILL)
    eventually(lambda: rack.status(home)["servers"]["web01"]["power_state"] == "Off", 10)
    assert rack.command(home, "web01", "power-on")["power_state"] == "On"


def test_a_recycled_pid_in_the_record_is_not_touched(home: Path) -> None:
    info = _up(home)
    os.kill(_supervisor(info), signal.SIGKILL)
    eventually(lambda: not _belonging_to(home), 20)
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        path = home / "lab" / "rack.json"
        record = json.loads(path.read_text())
        record["supervisor"] = {"pid": bystander.pid, "start_time": record["supervisor"]["start_time"]}
        path.write_text(json.dumps(record))
        rack.down(home)
        _up(home)
        assert bystander.poll() is None
        assert not processes.is_running(bystander.pid, record["supervisor"]["start_time"])
    finally:
        bystander.kill()
        bystander.wait()


def test_an_address_that_is_taken_is_named(home: Path) -> None:
    port = choose_ports(f"{NET}.1").ipmi
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((f"{NET}.1", port))
        with pytest.raises(LabError, match=f"{NET}.1 port {port}"):
            _up(home)


def test_a_net_that_is_not_loopback_is_refused(home: Path) -> None:
    with pytest.raises(LabError, match="loopback"):
        rack.up(home, net="10.0.0")


def test_a_grown_rack_has_servers_that_are_each_their_own(home: Path) -> None:
    names = server_names(5)
    info = _up(home, servers=names, powered_on=False)
    assert tuple(info.servers) == tuple(rack.status(home)["servers"]) == names
    for name in ("web02", "db02"):
        server = info.servers[name]
        rack.command(home, name, "power-on")
        on = [one for one, state in rack.status(home)["servers"].items() if state["power_state"] == "On"]
        assert on == [name]
        rack.command(home, name, "power-off")
        first = info.servers[f"{name[:-2]}01"]
        assert (server.ipmi is None, server.redfish is None) == (first.ipmi is None, first.redfish is None)
    with Server(info, "db02").redfish() as client:
        assert client.get(SYSTEM).json()["SerialNumber"] == info.servers["db02"].identity["serial"]
    whose = [
        (endpoint.address, endpoint.password) for one in info.servers.values() if (endpoint := one.ipmi or one.redfish)
    ]
    assert len(dict(whose)) == len({password for _address, password in whose}) == len(names)
    assert len({one.identity["system_uuid"] for one in info.servers.values()}) == len(names)


def test_passwords_stay_the_same_in_a_home_and_differ_between_homes(home: Path, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    passwords = []
    for place in (home, home, tmp_path_factory.mktemp("other")):
        server = _up(place, powered_on=False).servers["web01"]
        assert server.ipmi is not None
        passwords.append((server.ipmi.password, server.vnc.password))
        rack.down(place)
    assert passwords[0] == passwords[1]
    assert not set(passwords[0]) & set(passwords[2])


def test_no_password_is_in_an_argument_or_a_readable_file(home: Path) -> None:
    info = _up(home, servers=SERVERS, light=2)
    rack.inject(home, "web01", "bmc-other-identity")  # restarts a simulator, with all that it starts
    secrets = {
        endpoint.password for server in info.servers.values() for endpoint in (server.ipmi, server.vnc) if endpoint
    }
    secrets.add(info.light["password"] if info.light else "")
    assert "" not in secrets
    running = " ".join(_belonging_to(home))
    assert not [secret for secret in secrets if secret in running]
    for path in (home / "lab").rglob("*"):
        if path.is_file() and path.name != "disk.raw" and any(s.encode() in path.read_bytes() for s in secrets):
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("name", ["db01", "app01"])
def test_a_changed_password_and_the_bios_settings_outlast_the_rack(home: Path, name: str) -> None:
    server = Server(_up(home, servers=[name], powered_on=False), name)
    with server.redfish() as client:
        assert client.patch(f"{SYSTEM}/Bios/Settings", json={"Attributes": {"NumLock": "Off"}}).status_code == 204
        account = "/redfish/v1/AccountService/Accounts/2"
        assert client.patch(account, json={"Password": "another-one-1"}).status_code == 204
    rack.down(home)
    again = Server(_up(home, servers=[name], powered_on=False), name)
    assert again.lab.redfish is not None
    assert server.lab.redfish == again.lab.redfish  # rack.json keeps the first password
    with again.redfish() as client:
        assert client.get(SYSTEM).status_code == 401
    with again.redfish(sign_in=("admin", "another-one-1")) as client:
        assert client.get(f"{SYSTEM}/Bios/Settings").json()["Attributes"] == {"NumLock": "Off"}


def test_a_rack_started_off_has_its_bmcs_and_no_machine(home: Path) -> None:
    _up(home, powered_on=False)
    server = rack.status(home)["servers"]["web01"]
    assert (server["power_state"], server["pids"]["qemu"]) == ("Off", None)
    assert server["pids"]["ipmi"]


def test_light_bmcs_answer_each_on_its_own_address_and_switch(home: Path) -> None:
    light = _up(home, servers=[], light=3).light
    assert light is not None
    assert len(set(light["addresses"])) == 3

    def ipmi(address: str, *arguments: str) -> str:
        where = ["-H", address, "-p", str(light["port"]), "-U", light["user"], "-E"]
        environment = {**os.environ, "IPMI_PASSWORD": light["password"]}
        command = ["ipmitool", "-I", "lanplus", "-C", "3", *where, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

    guids = {ipmi(address, "mc", "guid").split("System GUID   : ")[1].split()[0] for address in light["addresses"]}
    assert len(guids) == 3
    ipmi(light["addresses"][1], "power", "on")
    assert ["on" in ipmi(address, "power", "status") for address in light["addresses"]] == [False, True, False]
    assert rack.status(home)["light"]["running"] == 3


def test_the_rack_lives_under_a_long_path_too(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 40)
    home.mkdir()
    try:
        info = _up(home)
        assert rack.status(home)["servers"]["web01"]["power_state"] == "On"
        assert not info.description["runtime_folder"].startswith(str(home))
    finally:
        rack.down(home)


def test_a_broken_credentials_file_is_replaced(home: Path) -> None:
    _up(home, powered_on=False)
    rack.down(home)
    (home / "lab" / "credentials.json").write_text('{"web01": {"bmc_pass')
    assert _up(home, powered_on=False).servers["web01"].ipmi


def test_foreground_ends_with_ctrl_c(home: Path) -> None:
    environment = {**os.environ, "OOBCTL_HOME": str(home), "OOBCTL_LAB_NET": NET}
    command = [sys.executable, "-m", "oobctl.cli.lab", "up", "--foreground", "--server", "web01"]
    with (home / "output").open("w") as output:
        running = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(lambda: "runs until Ctrl-C" in (home / "output").read_text())
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert not [line for line in _belonging_to(home) if "qemu" in line or "ipmi_sim" in line]
    finally:
        running.kill()
        running.wait()
