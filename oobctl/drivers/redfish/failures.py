"""What a request that failed on its way means: each failure of the libraries as one of our errors."""

from requests.exceptions import ConnectTimeout, InvalidURL, SSLError, TooManyRedirects

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.login import Login
from oobctl.drivers.redfish.causes import chain_of, innermost, says
from oobctl.drivers.redfish.http import OtherAuthority, OtherCertificate, TooMuch, authority
from oobctl.drivers.redfish.tls import presented_fingerprint
from oobctl.errors import BmcBadAnswer, BmcError, BmcIdentityChanged, BmcTimeout, BmcUnreachable

_NO_HTTP = ("badstatusline", "httpparse", "header", "chunk", "decode", "incompleteread")


def failure(cause: BaseException, login: Login, what: str, seconds: float, sent: bool) -> BmcError:
    """What a failed request means. seconds: the time that it had. sent: whether any of it went out."""
    endpoint = login.endpoint
    where = authority(endpoint)
    chain = chain_of(cause)
    for error in chain:
        if isinstance(error, OtherCertificate):
            return BmcIdentityChanged(
                f"The BMC at {where} presents another certificate than the one that was confirmed. Nothing "
                "was sent to it. If it was renewed, confirm the new fingerprint at the endpoint.",
                expected=endpoint.tls_fingerprint,
                presented=error.presented,
            )
        if isinstance(error, OtherAuthority):
            return BmcBadAnswer(f"The BMC at {where} sent us to {error}; we send our token to nobody else.")
        if isinstance(error, (TooManyRedirects, InvalidURL)):
            return BmcBadAnswer(f"The BMC at {where} redirected us in a circle, or to nowhere, when asked to {what}.")
        if isinstance(error, TooMuch):
            return BmcBadAnswer(f"The BMC at {where} answered with {error}; no resource is that large.")
    if any("CERTIFICATE_VERIFY_FAILED" in str(error) for error in chain):
        return _not_certified(chain, endpoint, login.profile.timeouts.connect)
    if any(isinstance(error, (TimeoutError, ConnectTimeout)) for error in chain) or says(chain, "timed out"):
        return BmcTimeout(f"The BMC at {where} did not answer within {seconds:.0f} s when asked to {what}.")
    if any(isinstance(error, SSLError) for error in chain):
        return BmcBadAnswer(f"What answers at {where} does not speak TLS as it should: {innermost(chain)}.")
    if sent and not says(chain, "refused"):
        if says(chain, *_NO_HTTP):
            return BmcBadAnswer(f"What the BMC at {where} answered when asked to {what} is no HTTP.")
        return BmcUnreachable(f"The BMC at {where} closed the connection when asked to {what}.")
    return BmcUnreachable(
        f"The BMC at {where} takes no connection: {innermost(chain)}. Check its power, cable and address."
    )


def _not_certified(chain: list[BaseException], endpoint: EndpointAddress, connect: float) -> BmcIdentityChanged:
    try:
        presented: str | None = presented_fingerprint(endpoint.address, endpoint.port, connect)
    except BmcError:
        presented = None
    return BmcIdentityChanged(
        f"The BMC at {authority(endpoint)} presents a certificate that its certificate authority does not vouch for "
        f"({innermost(chain)}). Nothing was sent to it.",
        expected="a certificate of the enrolled authority, for this address",
        presented=presented,
    )
