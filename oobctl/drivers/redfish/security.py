"""How far a BMC is open, as its Redfish service tells: users, network protocols, host interfaces, its certificate."""

from datetime import UTC

from cryptography import x509

from oobctl import clock
from oobctl.drivers import exposure
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import BmcUser, SecurityFact, SecurityReport
from oobctl.drivers.redfish import accounts, security_decode
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tls import presented_certificate
from oobctl.drivers.redfish.tree import Member, Tree
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import BmcBadAnswer, BmcError, BmcRefused, NotSupported
from oobctl.profiles.model import SECURITY_FACTS

_IPMI_ALONE = "Only IPMI tells it."


class RedfishSecurity:
    """interfaces.Security of one BMC."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree = session, tree

    def read(self) -> SecurityReport:
        """All of SECURITY_FACTS; a fact that can't be read has no value, and says why."""
        walk = Walk(self._session, self._tree)
        managers = walk.managers()
        protocols = self._each(walk, managers, "NetworkProtocol", "describe its network protocols")
        interfaces = [
            member.resource
            for manager in managers
            for member in walk.members(manager.resource, "HostInterfaces", "list its host interfaces")
        ]
        told = any("HostInterfaces" in manager.resource for manager in managers)
        users, of_users = self._users(walk)
        found = [
            *of_users,
            security_decode.ipmi_over_lan(protocols),
            security_decode.insecure_protocols(protocols),
            security_decode.host_interface(interfaces, told),
            self._certificate(),
        ]
        facts = {fact.name: fact for fact in found}
        rest = [SecurityFact(name, None, _IPMI_ALONE) for name in SECURITY_FACTS if name not in facts]
        return SecurityReport((*found, *rest), tuple(walk.problems), users)

    @staticmethod
    def _each(walk: Walk, managers: list[Member], key: str, what: str) -> list[dict[str, object]]:
        found = [walk.one(manager.resource, key, what) for manager in managers]
        return [member.resource for member in found if member is not None]

    def _users(self, walk: Walk) -> tuple[tuple[BmcUser, ...] | None, tuple[SecurityFact, ...]]:
        try:
            found = accounts.read(self._session, self._tree)
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            return None, exposure.unread(error.message)
        for problem in found.problems:
            walk.problems.append(problem)
        if found.problems:  # whoever is missing may be the one that matters
            return None, exposure.unread("Not all of the BMC's users could be read.")
        return exposure.may_log_in(found.users), exposure.of_users(found.users)

    def _certificate(self) -> SecurityFact:
        """Of the certificate that the BMC presents: what it lists need not be the one in use."""
        login = self._session.login
        endpoint = login.endpoint
        try:
            found = presented_certificate(endpoint.address, endpoint.port, login.profile.timeouts.connect)
            end = x509.load_der_x509_certificate(found).not_valid_after_utc.astimezone(UTC)
        except BmcError as error:
            return SecurityFact("certificate_expires", None, error.message)
        except ValueError:
            return SecurityFact("certificate_expires", None, "The BMC's certificate can't be read.")
        return SecurityFact("certificate_expires", clock.rfc3339(end))
