"""Whether a BMC lets us in with exactly one secret: the proof of a new password."""

from oobctl.constants import Capability, Protocol, SessionPurpose
from oobctl.drivers import identity, ipmi, redfish
from oobctl.drivers.credentials import only
from oobctl.drivers.login import Login
from oobctl.drivers.refusals import digest, let_in
from oobctl.drivers.slots import Slot, limit_of
from oobctl.drivers.ways import address_of, profile_of, rows_of
from oobctl.errors import BmcAuthFailed, BmcAuthUnconfirmed


def lets_in(server_id: str, protocol: Protocol, sealed: bytes, *, holder: str) -> bool:
    """Log in with this secret over this protocol, ask who answers, log out. No other secret is tried, none is parked.

    Raises WrongServer where another server answers, and BmcError's other subclasses where it is no refusal, or the BMC
    was not asked because it has just refused us.
    """
    rows = rows_of(server_id)
    endpoint, profile = rows.endpoints[protocol], profile_of(rows.bmc)
    secret = only(endpoint, rows.bmc.site_id, sealed)
    limit = limit_of(protocol, profile.sessions.ours(protocol), SessionPurpose.ACT)
    slot = Slot(address_of(endpoint), limit, SessionPurpose.ACT, holder)
    login = Login(address_of(endpoint), secret, profile, slot, lambda: None)
    transport = (
        ipmi.IpmiTransport(login, _never_write)
        if protocol is Protocol.IPMI
        else redfish.RedfishTransport(login, _never_write, rows.server.system_path)
    )
    try:
        identity.check(transport.capability(Capability.BMC).identity(), server_id)
    except BmcAuthUnconfirmed:
        raise
    except BmcAuthFailed:
        return False
    finally:
        transport.close()
    let_in(endpoint.id, digest(sealed))
    return True


def _never_write(_seconds: float) -> None:
    raise AssertionError("a trial reads")
