"""Starting from the network: iPXE's scripts, the installer's kernel and ramdisk, and the files of one job.

Whoever asks gets the first script, the kernel and the ramdisk: nothing of them is secret. The second script names a
job's key, so it goes in the clear to networks alone that the site trusts; all others are sent to their disks.
"""

import asyncio
from pathlib import Path

import structlog
from aiohttp import web

from oobctl.boot.media import job_files
from oobctl.boot.site import SITE, is_trusted
from oobctl.drivers.identity import normalise_mac
from oobctl.errors import OobctlError
from oobctl.images.installer import built, ipxe, job_archive
from oobctl.images.installs import network, scripts

log = structlog.get_logger()

PREFIX = "/boot"
IPXE_FOLDER = Path("/usr/lib/ipxe")
PROGRAMS = {"ipxe.efi": "snponly.efi", "undionly.kpxe": "undionly.kpxe"}
_SCRIPT = "text/plain"


async def first_script(request: web.Request) -> web.Response:
    """Says who asks, by the card that it starts from, and asks for the script that is for it."""
    return web.Response(text=ipxe.first_script(_base(request)), content_type=_SCRIPT)


async def script(request: web.Request) -> web.Response:
    """The installer's for a machine with an armed job, else: start from your disk. It is never an error."""
    firmware = "UEFI" if request.query.get("platform") == "efi" else "BIOS"
    ticket = await _ticket_for(request)
    if ticket is None:
        return web.Response(text=ipxe.disk_script(firmware), content_type=_SCRIPT)
    if isinstance(ticket, network.OwnScript):
        own = scripts.unsealed(request.app[SITE].authority.key, ticket.job_id, ticket.sealed)
        return web.Response(text=own, content_type=_SCRIPT)
    path = f"{ticket.job_id}/{ticket.word}/job.cpio"
    return web.Response(text=ipxe.job_script(_base(request), path), content_type=_SCRIPT)


async def _ticket_for(request: web.Request) -> network.Ticket | network.OwnScript | None:
    macs = tuple(mac for said in request.query.getall("mac", [])[:1] if (mac := normalise_mac(said)))
    asker = network.Asker(request.remote or "", macs, request.query.get("uuid"))
    if not is_trusted(request):
        log.warning("a server asked for its boot script from a network that is not trusted", by=request.remote)
        return None
    try:
        built()
        site = request.app[SITE]
        ticket = await asyncio.to_thread(network.ticket_for, asker, site.id, site.authority.secret)
    except OobctlError as error:  # a script that said so would leave the server with a failed boot
        log.error(
            "a server is sent to its disk, for nothing else can be given to it", by=request.remote, why=error.message
        )
        return None
    if ticket is None:
        log.info("a server starts from its disk", by=request.remote, macs=macs, system_uuid=asker.system_uuid)
    else:
        log.info("a server is given its job's script", by=request.remote, job=ticket.job_id)
    return ticket


async def kernel(request: web.Request) -> web.StreamResponse:
    return _file(built().kernel)


async def ramdisk(request: web.Request) -> web.StreamResponse:
    return _file(built().ramdisk)


async def program(request: web.Request) -> web.StreamResponse:
    """iPXE itself, as Debian has it, for firmware that has none."""
    path = IPXE_FOLDER / PROGRAMS[request.path.rpartition("/")[2]]
    if not await asyncio.to_thread(path.exists):
        raise web.HTTPNotFound(text="iPXE is not on this computer. Install it: apt install ipxe.\n")
    return _file(path)


async def job(request: web.Request) -> web.Response:
    """What the installer finds in its ramdisk: where to report, whom to trust, and the key that is exchanged once."""
    ticket = network.Ticket(request.match_info["job"], request.match_info["ticket"])
    key = None
    if is_trusted(request):
        site = request.app[SITE]
        key = await asyncio.to_thread(network.job_key, ticket, request.remote or "", site.id, site.authority.secret)
    if key is None:
        log.warning("a job's files were asked for with a ticket that does not open them", by=request.remote)
        raise web.HTTPNotFound(text="There is no such job, or it has begun.\n")
    files = await asyncio.to_thread(job_files, request, key)
    return web.Response(body=job_archive(files), content_type="application/octet-stream")


def _file(path: Path) -> web.FileResponse:
    return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})


def _base(request: web.Request) -> str:
    """By the name under which the server reached us, so that the service needs not to know it."""
    base = f"{request.scheme}://{request.host}{PREFIX}"
    try:
        return ipxe.checked_base(base)
    except ValueError as error:
        raise web.HTTPBadRequest(text="The Host that you ask for is no address.\n") from error
