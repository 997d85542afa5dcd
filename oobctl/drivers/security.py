"""How far a BMC is open over all that it speaks: one protocol tells what the other can't; the worse of two counts."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from oobctl.constants import BmcRole, Protocol
from oobctl.drivers import exposure
from oobctl.drivers.interfaces import Security
from oobctl.drivers.readings import BmcUser, Scalar, SecurityFact, SecurityReport
from oobctl.errors import BmcError, ConfigurationError, NotSupported, WrongServer

RANKS = {BmcRole.NO_ACCESS: 0, BmcRole.READ_ONLY: 1, BmcRole.OPERATOR: 2, BmcRole.OTHER: 3, BmcRole.ADMINISTRATOR: 4}
"""How much a role may do. Of Other it is not known, so it counts as more than Operator."""


class MergedSecurity:
    """interfaces.Security over several protocols. ways: per protocol how to get at its own, the preferred one first."""

    def __init__(self, ways: Mapping[Protocol, Callable[[], Security]]) -> None:
        self._ways = ways

    def read(self) -> SecurityReport:
        """What all of them tell. One that can't be read is a problem; none: raises the first one's error."""
        reports: list[SecurityReport] = []
        errors: list[BmcError | ConfigurationError] = []
        silent: list[str] = []
        for protocol, way in self._ways.items():
            try:
                reports.append(way().read())
            except WrongServer:
                raise
            except (BmcError, ConfigurationError) as error:
                errors.append(error)
                if not isinstance(error, NotSupported):
                    silent.append(f"Nothing could be read over {protocol}: {error.message}")
        if not reports:
            raise next((one for one in errors if not isinstance(one, NotSupported)), errors[0])
        return _with_problems(merge(reports), silent)


def merge(reports: list[SecurityReport]) -> SecurityReport:
    """One report of several of the same BMC. Pure."""
    facts: dict[str, SecurityFact] = {}
    for fact in (fact for report in reports for fact in report.facts):
        facts[fact.name] = _worse(facts[fact.name], fact) if fact.name in facts else fact
    users = _users([report.users for report in reports if report.users is not None])
    if users is not None:
        facts["other_users"] = exposure.others(users)
    return SecurityReport(tuple(facts.values()), tuple(one for report in reports for one in report.problems), users)


def _worse(one: SecurityFact, other: SecurityFact) -> SecurityFact:
    if one.value is None or other.value is None:
        return other if one.value is None and other.value is not None else one
    return other if _badness(other.value) > _badness(one.value) else one


def _badness(value: Scalar) -> float:
    """Each yes says that something is open, and more users are worse; words have no order."""
    return 0 if isinstance(value, str) else float(value)


def _users(tables: list[tuple[BmcUser, ...]]) -> tuple[BmcUser, ...] | None:
    """Everybody by name, with the most that one protocol gives them; ours is who is ours over one of them."""
    if not tables:
        return None
    found: dict[str, BmcUser] = {}
    for user in (user for table in tables for user in table):
        there = found.get(user.name, user)
        more = max(there, user, key=lambda one: RANKS[one.role])
        found[user.name] = replace(more, ours=there.ours or user.ours)
    return tuple(found.values())


def _with_problems(report: SecurityReport, more: list[str]) -> SecurityReport:
    return replace(report, problems=(*report.problems, *more))
