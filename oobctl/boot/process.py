"""The boot service's process: its two listeners, for BMCs and for servers that are installed."""

import asyncio
import contextlib
import threading
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from oobctl import clock
from oobctl.boot import dhcp, listener
from oobctl.boot.routes import app
from oobctl.boot.site import Site
from oobctl.config import settings
from oobctl.constants import NetworkBoot
from oobctl.errors import ConfigurationError, StoreUnavailable
from oobctl.ids import new_id
from oobctl.images import access
from oobctl.images.installs import authority, network
from oobctl.images.systems.published import Publisher
from oobctl.installation import find_site
from oobctl.jobs import recovery

log = structlog.get_logger()

_STOP_EVERY_SECONDS = 0.2
_END_SECONDS = 5.0  # who is still fetching then asks again
_CERTIFY_EVERY = timedelta(days=7)
_PUBLISH_EVERY_SECONDS = 2.0  # who has built an image looks for it in the panel


def run(site: str, stop: threading.Event) -> None:
    """Serve until `stop` is set.

    Raises ConfigurationError where the site is missing, its boot services' key is another one, or nothing can listen at
    OOBCTL_MEDIA_LISTEN or OOBCTL_INSTALL_LISTEN, or DHCP cannot be answered as the settings say.
    """
    found = find_site(site)
    access.service()
    _check_settings()
    trusted = authority.ensure(found.id)
    answers = dhcp.served()
    found_by = NetworkBoot.DHCP if answers else NetworkBoot.SCRIPT if settings().trusted_networks else None
    network.tell(found.id, found_by)
    process = f"boot-{new_id()}"
    recovery.beat(process, "boot", found.id, first=True)
    heart = recovery.Beating(process, "boot", found.id)
    heart.start()
    try:
        asyncio.run(_serve(Site(found.id, trusted), answers, stop))
    finally:
        heart.stop()
        with contextlib.suppress(StoreUnavailable):
            recovery.leave(process)


def _check_settings() -> None:
    """Raises ConfigurationError for an address or a network that is none."""
    url = settings().install_address
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.username:
        raise ConfigurationError(
            f"OOBCTL_INSTALL_URL is {url!r}, and must be https://ADDRESS:PORT, as servers that are installed reach it."
        )
    for net in settings().trusted_networks:
        try:
            ip_network(net)
        except ValueError as error:
            raise ConfigurationError(
                f"OOBCTL_TRUSTED_BOOT_NETWORKS has {net!r}, which is no network: {error}. Write it as 192.0.2.0/24."
            ) from error


async def _serve(site: Site, answers: dhcp.Served | None, stop: threading.Event) -> None:
    runner = web.AppRunner(
        app(site),
        access_log=None,
        auto_decompress=False,  # a few bytes that become many would be unpacked before anybody looks at them
        keepalive_timeout=listener.HEAD_SECONDS,
        shutdown_timeout=_END_SECONDS,
    )
    await runner.setup()
    serve = runner.server
    assert serve is not None
    listener.allow_many_files()
    host = urlsplit(settings().install_address).hostname or ""
    beside, listeners = list[asyncio.Task[None]](), list[asyncio.Server]()
    try:
        media = listener.Place(settings().media, "The media service", "OOBCTL_MEDIA_LISTEN")
        listeners.append(await listener.listen(serve, media))
        secure = site.authority.context(host)
        installers = listener.Place(settings().install, "The service for installers", "OOBCTL_INSTALL_LISTEN", secure)
        listeners.append(await listener.listen(serve, installers))
        beside.append(asyncio.create_task(_publish(Publisher(site.id))))
        if answers is not None:
            beside.append(await _answer_dhcp(site.id, answers))
        log.info("the media service is ready", media=settings().media, installers=settings().install)
        certified = clock.now()
        while not stop.is_set():
            await asyncio.sleep(_STOP_EVERY_SECONDS)
            if clock.now() - certified > _CERTIFY_EVERY:
                site.authority.certify(secure, host)
                certified = clock.now()
            for task in beside:
                if task.done():
                    task.result()  # it raises what ended it
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for one in listeners:
            one.close()
        await runner.cleanup()


async def _publish(publisher: Publisher) -> None:
    """Tell the store of the catalogue, now and whenever it changes: the panel may run on another computer."""
    while True:
        await asyncio.to_thread(publisher.publish)
        await asyncio.sleep(_PUBLISH_EVERY_SECONDS)


async def _answer_dhcp(site_id: str, served: dhcp.Served) -> asyncio.Task[None]:
    """Raises ConfigurationError where DHCP cannot be answered."""
    started = asyncio.Event()
    answering = asyncio.create_task(dhcp.serve(site_id, served, started))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if answering.done():
        answering.result()
    log.info("DHCP is answered, for servers alone that are to be installed", interface=served.interface)
    return answering
