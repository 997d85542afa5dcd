"""The two ways to reinstall all servers of a stand at once: through oobctl, and by hand."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from oobctl.constants import ImageKind, JobState
from oobctl.images import systems
from oobctl.images.installer import JobIso, cpio, ensure_ramdisk
from oobctl.images.installs import waiting
from oobctl.lab.rack import GATEWAY, LabServer
from oobctl.lab.redfish_service.hardware import SYSTEM
from tests.benchmarks.memory import Watch
from tests.benchmarks.spending import spent_by_group
from tests.benchmarks.stand import IMAGE, Course, Stand, Try, answering, look, watch
from tests.installation import free_port, steps_of
from tests.reinstalls import SSH_KEY

_HERE = Path(__file__).resolve().parent / "by_hand"
_HAND = ("by hand: started", "by hand: written", " login:")
_OURS = ("oobctl: The installer has started.", "oobctl: Installed.", " login:")
_MEDIUM, _DISK = "medium.iso", "disk.raw.zst"


# --- through oobctl --------------------------------------------------------------------------------------------------


@dataclass
class Controller:
    """What it took. `held`: its memory; `spent`: CPU seconds of each of its processes; `steps`: name and seconds."""

    held: Watch
    spent: dict[str, float]
    steps: list[list[tuple[str, float]]]


def through_oobctl(stand: Stand) -> tuple[Try, Controller]:
    """Asked for over the API."""
    stand.put_back()
    with stand.processes() as running, stand.road.client("customer") as client:
        for server in stand.servers:
            client.get(f"/servers/{server.name}").raise_for_status()
        time.sleep(5)
        groups = {name: process.pid for name, process in running.items()}
        with Watch({name: groups[name] for name in ("boot", "worker")}) as held:
            before = {name: spent_by_group(group) for name, group in groups.items()}
            began = time.time()
            courses = stand.courses(_OURS, began)
            jobs = [_ask(client, server) for server in stand.servers]
            reported = [_reported(stand, job, courses) - began for job in jobs]
            watch(courses)
            spent = {name: spent_by_group(group) - before[name] for name, group in groups.items()}
        ended = [stand.road.wait(job) for job in jobs]
    assert all(job.state is JobState.SUCCEEDED for job in ended), [(job.error, steps_of(job)) for job in ended]
    steps = [
        [(step.name, (step.finished_at - step.started_at).total_seconds()) for step in job.steps
         if step.finished_at and step.started_at]
        for job in ended
    ]  # fmt: skip
    return _tried(stand, began, courses, reported), Controller(held, spent, steps)


def _ask(client: httpx.Client, server: LabServer) -> str:
    asked = {"image": IMAGE, "host_name": f"{server.name}.example.org", "ssh_keys": [SSH_KEY]}
    reply = client.post(f"/servers/{server.name}/actions/os.reinstall", json=asked)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


def _reported(stand: Stand, job_id: str, courses: list[Course]) -> float:
    """When the new system's first report was kept; all serial lines are looked at meanwhile."""
    while (found := waiting.look(job_id)).first_boot_at is None:
        job = stand.road.job(job_id)
        assert not job.state.ended, (job.error, steps_of(job))
        for _ in range(5):
            look(courses)
            time.sleep(0.1)
    return found.first_boot_at.timestamp()


# --- by hand ---------------------------------------------------------------------------------------------------------


def by_hand(stand: Stand, folder: Path) -> Try:
    """A shell script to each BMC, and a ramdisk that fetches, unpacks and writes. See by_hand/."""
    stand.put_back()
    with _web_server(folder) as url:
        _medium(folder / _MEDIUM, f"{url}/{_DISK}".replace("127.0.0.1", GATEWAY))
        commands = [_command(server, f"{url}/{_MEDIUM}", folder) for server in stand.servers]
        began = time.time()
        courses = stand.courses(_HAND, began)
        scripts = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        while any(script.poll() is None for script in scripts):
            time.sleep(0.05)
        assert all(script.returncode == 0 for script in scripts)
        watch(courses)
    return _tried(stand, began, courses, [])


@contextmanager
def _web_server(folder: Path) -> Iterator[str]:
    """busybox' own: a process a connection, the kernel copies."""
    image = systems.find(IMAGE)
    form = image.form(ImageKind.DISK_IMAGE)
    assert form is not None
    (folder / _DISK).unlink(missing_ok=True)
    os.link(systems.path_of(image, form), folder / _DISK)
    port = free_port()
    server = subprocess.Popen(["busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", str(folder)])
    try:
        answering(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _medium(target: Path, image: str) -> None:
    """The installer's medium, so that kernel and ramdisk are the same; its first program is another one."""
    files = {
        "oobctl": cpio.folder(),
        "oobctl/image": cpio.text(image),
        "init": cpio.program((_HERE / "init").read_bytes()),
    }
    iso = JobIso(ensure_ramdisk(print).medium, cpio.pack(files))
    target.write_bytes(iso.read(0, iso.size))


def _command(server: LabServer, medium: str, folder: Path) -> list[str]:
    assert server.redfish is not None
    assert server.tls is not None
    sign_in = folder / f"{server.name}.netrc"
    sign_in.touch(0o600)
    sign_in.write_text(
        f"machine {server.redfish.address} login {server.redfish.user} password {server.redfish.password}\n"
    )
    system = f"https://{server.redfish.address}:{server.redfish.port}{SYSTEM}"
    return ["sh", str(_HERE / "reinstall.sh"), system, medium, server.tls["ca_file"], str(sign_in)]


def _tried(stand: Stand, began: float, courses: list[Course], reported: list[float]) -> Try:
    started, written, prompt = (list(column) for column in zip(*(course.seen for course in courses), strict=True))
    up = [max(course.seen[-1], course.greeted or 0.0) for course in courses]
    spent = [course.spent for course in courses]
    return Try(stand.powered_on(began), started, written, prompt, up, reported, spent)
