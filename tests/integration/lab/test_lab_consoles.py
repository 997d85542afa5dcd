"""A server's screen and serial line: there, named, and the screen behind a password."""

import os
import pty
import select
import socket
import subprocess
import time

import pytest

from oobctl.lab import rack
from oobctl.lab.rack import RackInfo
from tests.integration.lab.lab_clients import Server, eventually

_VNC_AUTHENTICATION = 2


@pytest.mark.parametrize("name", ["web01", "db01", "app01"])
def test_the_screen_takes_a_vnc_client_with_a_password_alone(lab: RackInfo, name: str) -> None:
    vnc = lab.servers[name].vnc
    with socket.create_connection((vnc.address, vnc.port), 10) as screen:
        assert screen.recv(12).startswith(b"RFB 003.")
        screen.sendall(b"RFB 003.008\n")
        count = screen.recv(1)[0]
        assert list(screen.recv(count)) == [_VNC_AUTHENTICATION]
    assert vnc.password


@pytest.mark.parametrize(("name", "firmware"), [("web01", "BIOS"), ("db01", "UEFI"), ("app01", "UEFI")])
def test_the_serial_line_shows_a_banner_that_names_the_server(lab: RackInfo, name: str, firmware: str) -> None:
    server = Server(lab, name)
    server.start_fresh()
    banner = f"{name}  (serial {server.lab.identity['serial']}, booted by {firmware})"
    eventually(lambda: banner in server.serial())


def test_the_serial_line_takes_a_login(db01: Server) -> None:
    db01.start_fresh()
    since = db01.serial_size()
    with socket.create_connection(db01.lab.serial, 10) as line:
        line.sendall(b"root\r")
        eventually(lambda: "/root #" in db01.serial(since))
        line.sendall(b"echo $((6 * 7))-by-$(hostname)\r")
        eventually(lambda: "42-by-db01" in db01.serial(since))


def test_serial_over_lan_reaches_the_guest_through_the_relay(web01: Server) -> None:
    web01.start_fresh()
    assert web01.lab.ipmi is not None
    endpoint = web01.lab.ipmi
    where = ["-H", endpoint.address, "-p", str(endpoint.port), "-U", endpoint.user]
    terminal, inside = pty.openpty()
    console = subprocess.Popen(
        ["ipmitool", "-I", "lanplus", "-C", "3", *where, "-E", "sol", "activate"],
        env={**os.environ, "IPMI_PASSWORD": endpoint.password},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    shown = b""
    try:
        deadline = time.monotonic() + 60  # the simulator opens the line some seconds after the machine's start
        while b"web01 login:" not in shown and time.monotonic() < deadline:
            os.write(terminal, b"\r")
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096)
    finally:
        console.kill()
        console.wait()
        os.close(terminal)
        os.close(inside)
    assert b"web01 login:" in shown


def test_a_server_without_power_has_no_screen(web01: Server) -> None:
    rack.command(web01.home, "web01", "power-off")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((web01.lab.vnc.address, web01.lab.vnc.port), 5)
