"""The demo: users and servers filled in on top of the virtual rack, as an administrator would do it."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.config import Settings, settings
from oobctl.constants import JobState, Protocol, Role, TlsMode
from oobctl.errors import ConfigurationError, OobctlError
from oobctl.installation import PROVIDER
from oobctl.lab import rack as virtual_rack
from oobctl.store import Account, Job, Server, User, database

CUSTOMER_ACCOUNT = "Example Customer"
_USERS = {
    "customer": ("customer", CUSTOMER_ACCOUNT, Role.OWNER),
    "technician": ("technician", PROVIDER, Role.TECHNICIAN),
    "admin": ("admin", PROVIDER, Role.ADMINISTRATOR),
}
_ENROLL_SECONDS = 120.0
IMAGE = ("debian-12", "--kernel", "cloud")
"""What the rack's servers can be reinstalled with."""
_PROFILES = Path(virtual_rack.__file__).parent / "hwprofiles"  # of the BMCs of the rack


def environment() -> dict[str, str]:
    """Settings of the demo that are not set otherwise: a free port, names under localhost, the rack's profile."""
    found = {}
    if "OOBCTL_LISTEN" not in os.environ:
        found["OOBCTL_LISTEN"] = f"127.0.0.1:{_free_port()}"
    listen = found.get("OOBCTL_LISTEN", os.environ.get("OOBCTL_LISTEN", ""))
    if "OOBCTL_PUBLIC_URL" not in os.environ:
        found["OOBCTL_PUBLIC_URL"] = f"http://localhost:{listen.rpartition(':')[2]}"
    if "OOBCTL_LAUNCH_URL" not in os.environ:
        where = Settings(listen=listen).launch
        found["OOBCTL_LAUNCH_URL"] = f"http://consoles.localhost:{where.rpartition(':')[2]}"
    if "OOBCTL_INSTALL_URL" not in os.environ:
        where = Settings(listen=listen).install
        found["OOBCTL_INSTALL_URL"] = f"https://{virtual_rack.GATEWAY}:{where.rpartition(':')[2]}"
    if "OOBCTL_TRUSTED_BOOT_NETWORKS" not in os.environ:
        found["OOBCTL_TRUSTED_BOOT_NETWORKS"] = "127.0.0.0/8"  # from which the rack's servers come
    if "OOBCTL_HWPROFILES" not in os.environ:
        found["OOBCTL_HWPROFILES"] = str(_PROFILES)
    quiet = {"OOBCTL_POLL_INTERVAL_SECONDS": "15", "OOBCTL_LOG_LEVEL": "WARNING"}
    return {name: value for name, value in (found | quiet).items() if name not in os.environ}


def _free_port() -> int:
    for port in (8080, *range(8081, 8100), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigurationError("No port is free for the panel. Set OOBCTL_LISTEN.")


class Rack:
    """The virtual rack while the demo runs. One that ran before is left running at the end."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __enter__(self) -> Self:
        net = os.environ.get("OOBCTL_LAB_NET", "127.1.0")
        self.info = virtual_rack.up(settings().home, net=net, progress=self._say)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.info.already_running:
            virtual_rack.down(settings().home)


def fill(rack: Rack, stop: threading.Event) -> None:
    """Users, tokens, servers; what is there from an earlier start stays. Writes demo.json (0600)."""
    known = _read()
    users = _users(known)
    jobs = [job for name in rack.info.servers if (job := _server(rack, name, known.get("servers", {}).get(name)))]
    _write({"url": settings().url, "users": users, "servers": _servers(rack)})
    virtual_rack.set_boot_file(
        settings().home, f"http://{virtual_rack.GATEWAY}:{_port(settings().media)}/boot/boot.ipxe"
    )
    _wait(jobs, stop)


def _port(where: str) -> str:
    return where.rpartition(":")[2]


def _users(before: dict[str, Any]) -> dict[str, Any]:
    known = before.get("users", {})
    with database().read() as session:
        names = set(session.scalars(select(User.name)))
        accounts = set(session.scalars(select(Account.name)))
    if CUSTOMER_ACCOUNT not in accounts:
        administer.add_account(SYSTEM, CUSTOMER_ACCOUNT)
    found = {}
    for label, (name, account, role) in _USERS.items():
        if name in names and label in known:
            found[label] = known[label]
            continue
        if name in names:
            raise ConfigurationError(
                f"The demo's user {name} is in the database, but {_path()} does not know the password. "
                f"Move the folder {settings().home} away and start again."
            )
        password = secrets.token_urlsafe(12)
        administer.add_user(SYSTEM, name, password, account, role)
        _token, secret = administer.add_token(SYSTEM, f"{name}'s token", account, role, user=name)
        found[label] = {"name": name, "password": password, "token": secret}
        _write({**before, "url": settings().url, "users": {**known, **found}})
    return found


def _server(rack: Rack, name: str, before: dict[str, Any] | None) -> Job | None:
    """Add and enroll a server, or renew what changed about it. Returns the job to wait for."""
    endpoints = [_endpoint(rack, name, protocol) for protocol in Protocol if _address(rack, name, protocol)]
    with database().read() as session:
        known = session.scalar(select(Server).where(Server.name == name))
    if known is None:
        spec = administer.ServerSpec(name=name, account=CUSTOMER_ACCOUNT, endpoints=endpoints)
        known = administer.add_server(SYSTEM, spec)
    elif before == _servers(rack)[name] and known.system_uuid is not None:
        return None
    else:  # the rack was made anew: new passwords, a new certificate
        for endpoint in endpoints:
            administer.set_credential(
                SYSTEM, known.id, endpoint.protocol, endpoint.user, endpoint.password.get_secret_value()
            )
            if endpoint.tls.fingerprint and endpoint.tls.mode is TlsMode.PIN:
                administer.confirm_certificate(SYSTEM, known.id, endpoint.tls.fingerprint)
    return control.submit(SYSTEM, "server.enroll", known.id)


def _endpoint(rack: Rack, name: str, protocol: Protocol) -> administer.EndpointSpec:
    found, tls = _address(rack, name, protocol), rack.info.servers[name].tls
    assert found is not None
    spec: dict[str, Any] = {**found.as_dict(), "protocol": protocol}
    if protocol is Protocol.REDFISH and tls:
        by_ca = tls["mode"] == TlsMode.CA
        trust = {"ca": Path(tls["ca_file"]).read_text()} if by_ca else {"fingerprint": tls["fingerprint"]}
        spec["tls"] = {"mode": tls["mode"], **trust}
    return administer.EndpointSpec.model_validate(spec)


def _address(rack: Rack, name: str, protocol: Protocol) -> virtual_rack.Endpoint | None:
    return _parts(rack.info.servers[name]).get(protocol)


def _parts(server: virtual_rack.LabServer) -> dict[Protocol, virtual_rack.Endpoint | None]:
    return {Protocol.IPMI: server.ipmi, Protocol.REDFISH: server.redfish, Protocol.VNC: server.vnc}


def _servers(rack: Rack) -> dict[str, Any]:
    """As demo.json has them: per server the protocols that it speaks, and its screen."""
    found: dict[str, Any] = {}
    for name, server in rack.info.servers.items():
        parts = _parts(server).items()
        found[name] = {str(protocol): endpoint.as_dict() for protocol, endpoint in parts if endpoint}
    return found


def _wait(jobs: list[Job], stop: threading.Event) -> None:
    """Until the servers are enrolled. Raises OobctlError with the job's own sentence where one fails."""
    until = time.monotonic() + _ENROLL_SECONDS
    for job in jobs:
        while not stop.wait(0.1):
            with database().read() as session:
                now = session.get_one(Job, job.id)
            if now.state is JobState.SUCCEEDED:
                break
            if now.state.ended or time.monotonic() > until:
                said = (now.error or {}).get("message", f"it is {now.state}")
                raise OobctlError(f"A server of the demo could not be enrolled: {said}")


def welcome() -> str:
    """What to open, who to be, what to click first."""
    users = _read()["users"]
    lines = ["", f"oobctl is ready: {settings().url}", ""]
    for label, user in users.items():
        lines.append(f"  {label:<11} sign in as {user['name']:<11} with {user['password']}")
    lines += [
        "",
        "Click first: sign in as the customer, open web01, press Power cycle, and watch each step and its proof.",
        f"Tokens for the API and the BMCs' own addresses are in {_path()}.",
        "The rack: `oobctl lab status`; break something: `oobctl lab inject web01 bmc-dead`. Ctrl-C ends all of it.",
        "",
    ]
    return "\n".join(lines)


def _path() -> Path:
    return settings().home / "demo.json"


def _read() -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(_path().read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(
            f"{_path()} is damaged. Move the folder {settings().home} away, start again."
        ) from error
    return content


def _write(content: dict[str, Any]) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    draft = _path().with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(_path())
