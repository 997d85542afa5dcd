"""What the boot service knows of the site that it serves."""

from dataclasses import dataclass

from aiohttp import web

from oobctl.images.installs.authority import Authority


@dataclass(frozen=True)
class Site:
    id: str
    authority: Authority


SITE = web.AppKey("site", Site)
