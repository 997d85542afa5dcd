"""Images for BMCs: files of the catalogue, and the installer's, which carries a key of its own for each job."""

import asyncio

import structlog
from aiohttp import web

from oobctl import clock
from oobctl.boot import ranges
from oobctl.boot.installs import PREFIX
from oobctl.boot.site import SITE
from oobctl.config import settings
from oobctl.errors import NotAllowed, NotFound, StoreUnavailable
from oobctl.images import access, catalogue, installer
from oobctl.images.configuring.networks import installer_lines
from oobctl.images.installer import JobIso
from oobctl.images.installs import chosen_networks, keys

log = structlog.get_logger()

_NO_IMAGE = "There is no such image, or it was taken out.\n"


async def image(request: web.Request) -> web.StreamResponse:
    """What this key opens. The key is not told to any log."""
    wanted, key = request.match_info["name"], request.match_info["key"]
    try:
        opened = await asyncio.to_thread(access.image_of, key, request.remote)
        if opened != wanted:
            raise web.HTTPNotFound(text=_NO_IMAGE)
        answer = await asyncio.to_thread(_answer, request, wanted, key)
    except NotAllowed as error:  # to whoever asks it says no more than of a wrong key
        log.warning(error.message, image=wanted)
        raise web.HTTPNotFound(text=_NO_IMAGE) from error
    except NotFound as error:
        log.warning("an image that a BMC asks for is gone", image=wanted, by=request.remote)
        raise web.HTTPNotFound(text=f"{error.message}\n") from error
    except StoreUnavailable as error:
        raise web.HTTPServiceUnavailable(text=f"{error.message}\n", headers={"Retry-After": "5"}) from error
    log.info("a BMC fetches an image", image=wanted, by=request.remote, method=request.method)
    if isinstance(answer, JobIso):
        return await ranges.send(request, answer)
    return answer


def _answer(request: web.Request, wanted: str, key: str) -> web.StreamResponse | JobIso:
    if wanted == access.INSTALLER:
        return JobIso(installer.built().medium, installer.job_archive(job_files(request, key)))
    found = catalogue.find(wanted)
    return web.FileResponse(found.path, headers={"Content-Type": "application/octet-stream"})


def job_files(request: web.Request, key: str) -> dict[str, bytes]:
    """What the installer finds on its medium: where to report, with which key, by which way, whom to trust, when."""
    return {
        "url": f"{settings().install_address}{PREFIX}\n".encode(),
        "time": f"{clock.now().timestamp():.0f}\n".encode(),  # a server's own clock may be years off
        "key": keys.claim_key(key).encode(),
        "ca.pem": request.app[SITE].authority.certificate.encode(),
        "network": installer_lines(chosen_networks.of_key(keys.claim_key(key))).encode(),
    }
