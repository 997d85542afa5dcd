"""What the boot service knows of the site that it serves, and which networks of it are trusted."""

from dataclasses import dataclass
from ipaddress import ip_network

from aiohttp import web

from oobctl.config import settings
from oobctl.images.askers import plain
from oobctl.images.installs.authority import Authority


@dataclass(frozen=True)
class Site:
    id: str
    authority: Authority


SITE = web.AppKey("site", Site)


def is_trusted(request: web.Request) -> bool:
    """Whether who asks is in a network that the site says it trusts. TLS tells them who we are, not us who they are."""
    return any(plain(request.remote or "") in ip_network(net) for net in settings().trusted_networks)
