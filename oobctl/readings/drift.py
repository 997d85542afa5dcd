"""How far a BMC is open, compared with what its profile asks for; a record says when the difference changes.

A guest's root can reach its BMC over KCS, so what was right an hour ago need not be so now.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.drivers.readings import Scalar, SecurityReport
from oobctl.errors import ConfigurationError
from oobctl.store import Bmc

Drift = list[dict[str, Any]]
"""What differs, each as {"fact", "is", "should"}, in the order of the facts' names."""


def between(report: SecurityReport, baseline: Mapping[str, Scalar], before: Drift) -> Drift:
    """What differs from the baseline. A fact that can't be read now stays as it was `before`."""
    values = {fact.name: fact.value for fact in report.facts}
    earlier = {item["fact"]: item for item in before}
    found = []
    for name, should in sorted(baseline.items()):
        value = values.get(name)
        if value is None:
            found += [earlier[name]] if name in earlier else []
        elif not _same(value, should):
            found.append({"fact": name, "is": value, "should": should})
    return found


def _same(value: Scalar, should: Scalar) -> bool:
    """True is no 1: a count that reads as a truth is a difference."""
    return value == should and isinstance(value, bool) == isinstance(should, bool)


def baseline_of(session: Session, bmc_id: str) -> Mapping[str, Scalar] | None:
    """What the profile of a BMC asks for; None where the profile is missing."""
    try:
        return profiles.find(session.get_one(Bmc, bmc_id).profile).security_baseline
    except ConfigurationError:
        return None


def tell(session: Session, server_id: str, before: Drift, now: Drift) -> None:
    """Record that the difference appeared, changed or ended. It is the provider's: the record is no account's."""
    if before == now:
        return
    record.insert(
        session, SYSTEM, "event", Tag.SERVER_SECURITY_DRIFT, server_id=server_id, account_id=None,
        parameters={"drift": now}, reason=_sentence(before, now), outcome="done", evidence={"before": before},
    )  # fmt: skip


def _sentence(before: Drift, now: Drift) -> str:
    if not now:
        return "The BMC is as it should be again: " + said(before) + " no more."
    return "The BMC is not as it should be: " + said(now) + "."


def said(drift: Sequence[Mapping[str, Any]]) -> str:
    """The difference in words, for staff."""
    return ", ".join(f"{item['fact']} is {_word(item['is'])} (should be {_word(item['should'])})" for item in drift)


def _word(value: Scalar) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
