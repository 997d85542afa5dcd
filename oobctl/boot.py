"""A site's media service: BMCs fetch images from here, and from nowhere else."""

import asyncio
import contextlib
import threading

import structlog
from aiohttp import web

from oobctl.config import settings
from oobctl.errors import ConfigurationError, NotAllowed, NotFound, StoreUnavailable
from oobctl.ids import new_id
from oobctl.images import access, catalogue
from oobctl.installation import find_site
from oobctl.jobs import recovery

log = structlog.get_logger()

_STOP_EVERY_SECONDS = 0.2
_NO_IMAGE = "There is no such image, or it was taken out.\n"


def run(site: str, stop: threading.Event) -> None:
    """Serve images until `stop` is set.

    Raises ConfigurationError where the site is missing, or nothing can listen at OOBCTL_MEDIA_LISTEN.
    """
    found = find_site(site)
    access.service()
    process = f"boot-{new_id()}"
    recovery.beat(process, "boot", found.id, first=True)
    heart = recovery.Beating(process, "boot", found.id)
    heart.start()
    try:
        asyncio.run(_serve(stop))
    finally:
        heart.stop()
        with contextlib.suppress(StoreUnavailable):
            recovery.leave(process)


async def _serve(stop: threading.Event) -> None:
    address, _, port = settings().media.rpartition(":")
    runner = web.AppRunner(app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, address.strip("[]"), int(port)).start()
    except (OSError, ValueError) as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"The media service cannot listen at {settings().media!r}: {getattr(error, 'strerror', error)}. "
            "Set OOBCTL_MEDIA_LISTEN to a free ADDRESS:PORT."
        ) from error
    log.info("the media service is ready", listen=settings().media)
    while not stop.is_set():
        await asyncio.sleep(_STOP_EVERY_SECONDS)
    await runner.cleanup()


def app() -> web.Application:
    """GET and HEAD of images, in ranges if wanted; everything else is 404."""
    service = web.Application()
    service.router.add_get(f"{access.PREFIX}/{{key}}/{{name}}", _image)
    return service


async def _image(request: web.Request) -> web.StreamResponse:
    """The file that this key opens. The key is not told to any log."""
    wanted = request.match_info["name"]
    try:
        opened = await asyncio.to_thread(access.image_of, request.match_info["key"], request.remote)
        if opened != wanted:
            raise web.HTTPNotFound(text=_NO_IMAGE)
        image = await asyncio.to_thread(catalogue.find, wanted)
    except NotAllowed as error:  # to whoever asks it says no more than of a wrong key
        log.warning(error.message, image=wanted)
        raise web.HTTPNotFound(text=_NO_IMAGE) from error
    except NotFound as error:
        log.warning("an image that a BMC asks for is gone", image=wanted, by=request.remote)
        raise web.HTTPNotFound(text=f"{error.message}\n") from error
    except StoreUnavailable as error:
        raise web.HTTPServiceUnavailable(text=f"{error.message}\n", headers={"Retry-After": "5"}) from error
    log.info("a BMC fetches an image", image=wanted, by=request.remote, method=request.method)
    return web.FileResponse(image.path, headers={"Content-Type": "application/octet-stream"})
