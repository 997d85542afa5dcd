"""The installers' protocol: claim, begin, report, image, files; and the new system's first word (docs/installer.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiohttp import web

from oobctl import vault
from oobctl.boot import listener
from oobctl.boot.site import SITE
from oobctl.config import settings
from oobctl.drivers.identity import clean, normalise_mac
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, OobctlError, StoreUnavailable, WrongState
from oobctl.images import systems
from oobctl.images.configuring import rendering, seeds
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import Home, archive
from oobctl.images.installs import claims, first_boots, keys, orders, reports, waiting
from oobctl.images.installs.phases import Phase
from oobctl.repeated import Repeated, since_words
from oobctl.store import Install, Server, database

log = structlog.get_logger()

PREFIX = "/install"
_STATUS: tuple[tuple[type[OobctlError], int], ...] = (
    (NotFound, 404), (NotAllowed, 409), (WrongState, 410), (InvalidParameter, 400), (StoreUnavailable, 503),
)  # fmt: skip
_MOST_MACS = 32
MOST_BYTES = 512 << 10
"""Of a form: a report has 200 lines of 400 characters, each of which may be written as %XX."""
_FORM = "application/x-www-form-urlencoded"
_refused, _copies = Repeated(60.0), Repeated(600.0)

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def told_plainly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is refused is one sentence, which the installer shows. Installers are answered over TLS, and others not."""
    if request.secure != request.path.startswith(f"{PREFIX}/"):
        raise web.HTTPNotFound  # firmware and BMCs ask at the other listener
    if request.can_read_body:
        _check_form(request)
        try:
            async with asyncio.timeout(listener.BODY_SECONDS):
                await request.read()  # forms of installers are small, and aiohttp refuses what is over 1 MB
        except TimeoutError:
            return web.Response(status=408, text="The request did not come in time.\n", headers={"Connection": "close"})
    try:
        return await handler(request)
    except OobctlError as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        if (more := _refused.due(f"{request.remote} {request.path}")) is not None:
            said = f"an installer was refused{since_words(more)}"
            log.warning(said, path=request.path, by=request.remote, why=error.message)
        return web.Response(status=status, text=f"{error.message}\n")


def _check_form(request: web.Request) -> None:
    """Plain forms alone: what is packed, or in a code of the client's choice, costs us more than it costs to send."""
    charset = (request.charset or "utf-8").lower().replace("-", "")
    if request.content_type != _FORM or charset not in {"utf8", "usascii"} or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text=f"Send {_FORM} in UTF-8, as it is.\n")


async def claim(request: web.Request) -> web.Response:
    """The key for the orders, once."""
    form = await request.post()
    memory = _text(form, "memory_mb")
    claimant = claims.Claimant(
        address=request.remote or "",
        system_uuid=clean(_text(form, "uuid"), 64) or "",
        macs=tuple(found for mac in form.getall("mac", [])[:_MOST_MACS] if (found := normalise_mac(str(mac)))),
        firmware=clean(_text(form, "firmware"), 16) or "",
        memory_mb=int(memory) if memory.isascii() and memory.isdigit() and len(memory) < 12 else 0,
        disks=claims.disks_of(_text(form, "disks")),
        serial=clean(_text(form, "serial"), 128) or "",
    )
    key, token = _text(form, "key"), _text(form, "token")
    install = await asyncio.to_thread(claims.claim, key, token, claimant)
    log.info("an installer has its job", job=install.job_id, by=request.remote)
    return web.Response(text=await asyncio.to_thread(_orders, install, claimant))


def _orders(install: Install, claimant: claims.Claimant) -> str:
    """As the installer checks it again by itself: by the UUID and cards that were compared here."""
    with database().read() as session:
        server = session.get_one(Server, install.server_id)
    macs = waiting.expected_macs(install)
    return orders.told(
        orders.Orders.from_json(install.orders or {}),
        job=install.job_id,
        server=server.name,
        system_uuid=claimant.system_uuid if (install.expects or {}).get("system_uuid") else None,
        macs=tuple(mac for mac in claimant.macs if mac in macs),
    )


async def begin(request: web.Request) -> web.Response:
    return web.Response(text=str(await asyncio.to_thread(reports.begin, _token(request))))


async def report(request: web.Request) -> web.Response:
    form = await request.post()
    try:
        said = reports.Report(
            phase=Phase(_text(form, "phase")),
            bytes_done=_number(form, "bytes"),
            reason=_text(form, "reason"),
            log=_text(form, "log"),
            log_from=_number(form, "log_from") - 1,  # installers count lines from 1, as their programs do
        )
    except ValueError as error:
        raise InvalidParameter("There is no such phase.", field="phase") from error
    return web.Response(text=str(await asyncio.to_thread(reports.report, _token(request), said)))


async def image(request: web.Request) -> web.StreamResponse:
    """The image's file, in ranges if wanted, once the installer may write."""
    given = orders.Orders.from_json(await _of(request, lambda install: install.orders or {}))
    try:
        found = await asyncio.to_thread(systems.find, given.image)
    except NotFound as error:  # which others there are is nothing for an installer
        raise WrongState(f"The image {given.image} is not in the catalogue any more.") from error
    form = found.form(given.form)
    if form is None or form.sha256 != given.sha256:
        raise WrongState(f"The image {given.image} is not the one that this job was asked for with.")
    return web.FileResponse(systems.path_of(found, form), headers={"Content-Type": "application/octet-stream"})


async def files(request: web.Request) -> web.Response:
    """What sets the new system up, as a tar. It has secrets in it."""
    sealed, job, given = await _of(request, lambda install: (install.sealed, install.job_id, install.orders or {}))
    if sealed is None:
        raise WrongState("This installer's job is over.")
    site = request.app[SITE]
    content = vault.unseal_content(site.authority.key, job, sealed)
    home = Home(
        url=f"{settings().install_address}{PREFIX}",
        key=content["phone_key"],
        authority=site.authority.certificate,
    )
    options = Options.model_validate(content["options"])
    render = seeds.rendered if orders.Orders.from_json(given).configured_by == "cloud-init" else rendering.rendered
    found = render(options, password_hash=content["password_hash"], home=home, job=job)
    return web.Response(body=archive(found), content_type="application/x-tar")


async def first_boot(request: web.Request) -> web.Response:
    form = await request.post()
    said = first_boots.FirstBoot(
        host_name=_text(form, "host_name"),
        kernel=_text(form, "kernel"),
        host_keys=_text(form, "host_keys"),
        notes=_text(form, "notes"),
        address=request.remote or "",
    )
    kept = await asyncio.to_thread(first_boots.phone_home, _text(form, "key"), said)
    if not kept.again_as_another:
        log.info("a new operating system has reported itself", job=kept.job_id, by=request.remote)
    elif (more := _copies.due(f"{request.remote} {kept.job_id}")) is not None:
        log.warning(
            f"a system reported itself a second time with other host keys: it is a copy of a reinstalled disk"
            f"{since_words(more)}", job=kept.job_id, by=request.remote,
        )  # fmt: skip
    return web.Response(text="thank you\n")


async def _of(request: web.Request, told: Callable[[Install], T]) -> T:
    """What of the installer's row is wanted, once it was told to begin."""

    def read() -> T:
        with database().read() as session:
            install = claims.of_token(session, _token(request), lock=False)
            if install.first_write_at is None:
                raise NotAllowed("Ask to begin first.")
            return told(install)

    return await asyncio.to_thread(read)


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not keys.is_token(token):
        raise NotFound("No job is this installer's.")
    return token


def _text(form: "web.MultiDictProxy[str | bytearray | web.FileField]", name: str) -> str:  # type: ignore[name-defined]
    found = form.get(name, "")
    return found if isinstance(found, str) else ""


def _number(form: "web.MultiDictProxy[str | bytearray | web.FileField]", name: str) -> int:  # type: ignore[name-defined]
    text = _text(form, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
