"""The check of a BMC's certificate, for aiohttp."""

import ssl
from collections import OrderedDict

import aiohttp

from oobctl.constants import TlsMode
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.redfish.tls import required_pin, trust

_MOST_CONTEXTS = 64

_contexts: OrderedDict[str | None, ssl.SSLContext] = OrderedDict()


def check_of(endpoint: EndpointAddress) -> ssl.SSLContext | aiohttp.Fingerprint:
    """What each connection is checked with; one context for all that trust the same authority, for it is large."""
    if endpoint.tls_mode == TlsMode.PIN:
        return aiohttp.Fingerprint(bytes.fromhex(required_pin(endpoint)))
    if endpoint.tls_ca not in _contexts:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        trust(context, endpoint)
        while len(_contexts) >= _MOST_CONTEXTS:
            _contexts.popitem(last=False)
        _contexts[endpoint.tls_ca] = context
    return _contexts[endpoint.tls_ca]
