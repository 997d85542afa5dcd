"""From what was last read of a server to what the API and the pages show of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from oobctl import clock, profiles
from oobctl.access import Actor, may
from oobctl.bios_values import BiosAttribute, check, is_secret, not_settable
from oobctl.constants import Capability, Permission
from oobctl.errors import ConfigurationError
from oobctl.profiles.model import SECURITY_FACTS
from oobctl.readings import known_users, tell
from oobctl.readings.baselines import Difference
from oobctl.readings.tell import Told
from oobctl.store import BiosBaseline, Bmc, EventLogEntry, Server
from web.discretion import told
from web.shapes.readings import (
    BaselineShape,
    BiosDiffShape,
    BiosShape,
    DifferenceShape,
    EventLogPage,
    HistoryShape,
    LogEntryShape,
    ReadShape,
    SecurityShape,
    SeriesShape,
)

Shape = TypeVar("Shape", bound=ReadShape)

_TEXTS = frozenset({"problems", "slots"})
"""What of a report can name addresses. Settings, versions and serial numbers are shown as they are."""


def shape(session: Session, actor: Actor, server: Server, capability: Capability, into: type[Shape]) -> Shape:
    """What was last read of one capability. Raises NotAllowed."""
    found = tell.latest(session, actor, server, capability)
    return into.model_validate({**_head(found, actor), **_content(found, actor)})


def history(
    session: Session, actor: Actor, server: Server, begin: datetime, end: datetime, step: int | None = None
) -> HistoryShape:
    """What sensors read from `begin` to before `end`. Raises NotAllowed, InvalidParameter."""
    found = tell.sensor_history(session, actor, server, begin, end, step)
    series = [
        SeriesShape(
            name=line.series.name,
            units=line.series.units,
            reading_type=line.series.reading_type,
            source=line.series.qualifier or None,
            context=line.series.context,
            last_read=max(at for at, value in zip(found.times, line.mean, strict=True) if value is not None),
            minimum=line.least,
            average=line.mean,
            maximum=line.greatest,
        )
        for line in found.lines
    ]
    shape = {"from": found.begin, "to": found.end, "step": found.step, "times": found.times, "series": series}
    return HistoryShape.model_validate(shape)


def _head(found: Told, actor: Actor) -> dict[str, Any]:
    return {
        "read_at": found.read_at,
        "age_seconds": age(found.read_at),
        "tried_at": found.tried_at,
        "problem": told(found.problem, staff=actor.is_staff),
    }


def _content(found: Told, actor: Actor) -> dict[str, Any]:
    content = found.content or {}
    return {name: told(value, staff=actor.is_staff) if name in _TEXTS else value for name, value in content.items()}


def age(read_at: datetime | None) -> float | None:
    return None if read_at is None else max(0.0, round((clock.now() - read_at).total_seconds(), 1))


def bios(session: Session, actor: Actor, server: Server) -> BiosShape:
    """The settings as the registry has them, then those that it does not know. Raises NotAllowed."""
    found = tell.latest(session, actor, server, Capability.BIOS)
    if found.content is None:
        return BiosShape.model_validate(_head(found, actor))
    values, pending = found.content["values"], found.content["pending"]
    known = {item["name"]: item for item in tell.registry(session, found.content)}
    names = [*known, *sorted((values.keys() | pending.keys()) - known.keys())]
    refused = _refusals(session, actor, server, known, values)
    attributes = [
        {**_attribute(known.get(name, {"name": name}), values, pending), **_settable(refused(name))} for name in names
    ]
    return BiosShape.model_validate({**_head(found, actor), **_content(found, actor), "attributes": attributes})


def _refusals(
    session: Session, actor: Actor, server: Server, known: dict[str, dict[str, Any]], values: dict[str, Any]
) -> Callable[[str], str | None]:
    """Why the actor can't set an attribute, as the door and the worker would say; None where they can."""
    decision = may(session, actor, Permission.BIOS, server)
    denied = () if actor.is_staff else _denied(session, server)

    def refused(name: str) -> str | None:
        if not decision.allowed:
            return f"You may not set BIOS settings of {server.name}: {decision.reason}."
        if name not in known:
            return f"The BIOS does not say which values {name} takes, so none can be checked."
        attribute = BiosAttribute.from_json(known[name])
        if name not in values and not is_secret(name, attribute.type):
            return f"This server's BIOS has no attribute {name}."
        return not_settable(attribute, denied)

    return refused


def wrong_values(session: Session, actor: Actor, server: Server, values: dict[str, Any]) -> dict[str, str]:
    """Per attribute why it can't be set so, by the check of the door. Empty where the BIOS was not read yet."""
    content = tell.latest(session, actor, server, Capability.BIOS).content
    known = [BiosAttribute.from_json(item) for item in tell.registry(session, content)]
    if content is None or not known:
        return {}
    denied = () if actor.is_staff else _denied(session, server)
    return {one.name: one.message for one in check(known, values, present=content["values"], denied=denied)}


def _settable(because: str | None) -> dict[str, Any]:
    return {"settable": because is None, "not_settable_because": because}


def _denied(session: Session, server: Server) -> tuple[str, ...]:
    """What the profile keeps from customers; without its profile everything, since nobody knows."""
    try:
        return profiles.find(session.get_one(Bmc, server.bmc_id).profile).bios.customer_denied
    except ConfigurationError:
        return ("",)


def _attribute(described: dict[str, Any], values: dict[str, Any], pending: dict[str, Any]) -> dict[str, Any]:
    name = described["name"]
    allowed = [{"value": value, "display_name": words} for value, words in described.get("allowed", [])]
    return {**described, "allowed": allowed, "value": values.get(name), "pending": pending.get(name)}


def security(session: Session, actor: Actor, server: Server) -> SecurityShape:
    """The facts with what they mean and what the profile asks for. Raises NotAllowed."""
    found = tell.latest(session, actor, server, Capability.SECURITY)
    content = _content(found, actor)
    if "facts" in content:
        baseline = _baseline(session, server)
        content["facts"] = [
            {**fact, "meaning": SECURITY_FACTS.get(fact["name"]), "should": baseline.get(fact["name"])}
            for fact in content["facts"]
        ]
        content["known_users"] = known_users.known(session, server.bmc_id, content)
    return SecurityShape.model_validate({**_head(found, actor), **content})


def _baseline(session: Session, server: Server) -> dict[str, Any]:
    try:
        return dict(profiles.find(session.get_one(Bmc, server.bmc_id).profile).security_baseline)
    except ConfigurationError:
        return {}


def event_log(
    session: Session, actor: Actor, server: Server, rows: list[EventLogEntry], following: str | None
) -> EventLogPage:
    """A page of the log. Raises NotAllowed."""
    found = tell.latest(session, actor, server, Capability.EVENT_LOG)
    counts = tell.counts(session, actor, server)
    items = [_entry(row, staff=actor.is_staff) for row in rows]
    problems = told((found.content or {}).get("problems", []), staff=actor.is_staff)
    return EventLogPage(**_head(found, actor), problems=problems, items=items, next=following, counts=counts)


def _entry(row: EventLogEntry, *, staff: bool) -> LogEntryShape:
    now = clock.now()
    return LogEntryShape(
        id=row.id,
        log=row.log,
        entry_id=row.entry_id,
        created=row.created,
        severity=row.severity,
        message=told(row.message, staff=staff),
        message_id=row.message_id,
        component=row.component,
        asserted=row.asserted,
        repaired=row.repaired,
        seen_at=min(row.seen_at, now),  # what was noted while a clock was ahead was noted before now all the same
        gone_at=row.gone_at and min(row.gone_at, now),
        raw=row.raw if staff else None,
    )


def baseline(row: BiosBaseline) -> BaselineShape:
    return BaselineShape(name=row.name, settings=len(row.values), saved_by=row.saved_by, saved_at=row.saved_at)


def difference(row: BiosBaseline, found: Told, differing: list[Difference]) -> BiosDiffShape:
    assert found.read_at is not None  # else there is nothing to compare
    return BiosDiffShape(
        baseline=baseline(row),
        read_at=found.read_at,
        age_seconds=age(found.read_at) or 0.0,
        differences=[DifferenceShape(**vars(one)) for one in differing],
    )
