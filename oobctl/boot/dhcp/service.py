"""dnsmasq as our child: never as root, told again whom it may answer, started again where it ends."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from oobctl.boot.dhcp import rules
from oobctl.boot.dhcp.ranges import Served, program
from oobctl.boot.dhcp.said import Said
from oobctl.boot.network import IPXE_FOLDER, PROGRAMS
from oobctl.errors import ConfigurationError, StoreUnavailable
from oobctl.images.installs import network

log = structlog.get_logger()

_ASK_EVERY_SECONDS = 0.5
_STARTED = "started, version"
_STOP_SECONDS = 5.0
_LONGEST_PAUSE = 30.0
_RIGHTS = "-all,+net_admin,+net_raw,+net_bind_service"
_NEEDS = "It needs root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE."


async def serve(site_id: str, served: Served, started: asyncio.Event) -> None:
    """Until it is cancelled. `started` is set when dnsmasq listens for the first time.

    Raises ConfigurationError where it does not start at all: what it said is in it.
    """
    with TemporaryDirectory(prefix="oobctl-dhcp-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        await asyncio.to_thread(_lay_out, folder, served)
        pause = 1.0
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                said = await _one(site_id, folder, started)
            except OSError as error:  # a full disk; what else this process does goes on
                said = str(error)
            if not started.is_set():
                raise ConfigurationError(f"dnsmasq does not start: {said or 'it said nothing'}. {_NEEDS}")
            lasted = asyncio.get_running_loop().time() - begun
            pause = 1.0 if lasted > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            log.error("the DHCP service has ended; it is started again", said=said, in_seconds=pause)
            await asyncio.sleep(pause)


def _lay_out(folder: Path, served: Served) -> None:
    """The files that dnsmasq reads: nothing of them is secret, and it runs as nobody."""
    folder.chmod(0o755)
    tftp = folder / "tftp"
    tftp.mkdir()
    for name, source in PROGRAMS.items():
        if not (IPXE_FOLDER / source).exists():
            raise ConfigurationError("iPXE is not on this computer, which DHCP gives to servers: apt install ipxe.")
        shutil.copy(IPXE_FOLDER / source, tftp / name)
        (tftp / name).chmod(0o644)
    tftp.chmod(0o755)
    (folder / "dnsmasq.conf").write_text(rules.configuration(served, folder))
    (folder / "dnsmasq.conf").chmod(0o644)
    _write_hosts(folder, "")


def _write_hosts(folder: Path, text: str) -> None:
    draft = folder / "hosts.part"
    draft.write_text(text)
    draft.chmod(0o644)
    draft.rename(rules.hosts_file(folder))


def _command(folder: Path) -> list[str]:
    """It dies with us, whatever ends us; as nobody with the few rights that DHCP needs, where we are root."""
    drop = []
    if os.geteuid() == 0:
        rights = [f"--inh-caps={_RIGHTS}", f"--ambient-caps={_RIGHTS}"]
        drop = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", *rights]
    how = ["--keep-in-foreground", f"--conf-file={folder / 'dnsmasq.conf'}"]
    return ["setpriv", *drop, "--pdeathsig=TERM", program() or "dnsmasq", *how]


async def _one(site_id: str, folder: Path, started: asyncio.Event) -> str:
    """One dnsmasq, to its end, or until it cannot be told whom it may answer. Returns why it ended.

    Raises OSError where it cannot be started.
    """
    _write_hosts(folder, "")
    process = await asyncio.create_subprocess_exec(
        *_command(folder), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    listens = asyncio.Event()
    telling = asyncio.create_task(_tell(process, listens, started))
    naming = asyncio.create_task(_keep_hosts(site_id, folder, process, listens))
    try:
        await asyncio.wait({telling, naming}, return_when=asyncio.FIRST_COMPLETED)
        if naming.done():  # it would go on answering servers whose job is over
            return f"whom it may answer cannot be told: {naming.exception()}"
        return telling.result()
    finally:
        for task in (naming, telling):
            task.cancel()
        await asyncio.gather(naming, telling, return_exceptions=True)
        await _end(process)


async def _tell(process: asyncio.subprocess.Process, listens: asyncio.Event, started: asyncio.Event) -> str:
    """What it says goes into our log. Returns the last line."""
    said, last = Said(), ""
    assert process.stderr is not None
    async for line in process.stderr:
        last = line.decode(errors="replace").strip()
        if _STARTED in last:
            listens.set()
            started.set()
        said.take(last)
    return last


async def _keep_hosts(site_id: str, folder: Path, process: asyncio.subprocess.Process, listens: asyncio.Event) -> None:
    """Whom it may answer is as the store has it, within a second; where that cannot be read it stays as it is."""
    await listens.wait()  # a signal that comes earlier would end it
    known = ""
    while True:
        with contextlib.suppress(StoreUnavailable):
            text = rules.hosts(await asyncio.to_thread(network.armed, site_id))
            if text != known:
                await asyncio.to_thread(_write_hosts, folder, text)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGHUP)
                known = text
        await asyncio.sleep(_ASK_EVERY_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
