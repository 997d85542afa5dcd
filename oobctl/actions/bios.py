"""The firmware's settings: set with validation, or back to the factory's defaults; now or at the next boot."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator
from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.actions import boot, restart, steps
from oobctl.audit.tags import Tag
from oobctl.bios_values import BiosAttribute, Scalar, WrongValue, check, not_scalar
from oobctl.consoles import setup_keys
from oobctl.constants import BiosApply, BootSource, Capability, Lock, Outcome, Permission
from oobctl.drivers.readings import BiosReport
from oobctl.errors import BmcError, InvalidParameter, NoWay, StateNotReached
from oobctl.jobs.action import Action, Skipped, Step
from oobctl.jobs.run import Run
from oobctl.store import AttributeRegistry, Job, Reading, Server, database

_MOST_VALUES = 200
_LONGEST_NAME = 128


Value = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": kind} for kind in ("string", "integer", "number", "boolean")]})
]
"""Whatever JSON has: what an attribute takes is said by who knows the attribute."""


class SetParameters(BaseModel):
    """values: BIOS attributes by the registry's names. apply: `now` restarts the server for it."""

    model_config = ConfigDict(extra="forbid")
    values: dict[str, Value] = Field(
        min_length=1, max_length=_MOST_VALUES, description="BIOS attributes and the values that they are to have."
    )
    apply: BiosApply = Field(
        default=BiosApply.NEXT_BOOT, description="now: the server is switched off and on for it; or at the next_boot."
    )

    @field_validator("values")
    @classmethod
    def _named(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
                raise ValueError(f"{name[:40]!r} is no attribute's name")
        return values


class ResetParameters(BaseModel):
    """apply: `now` restarts the server for it."""

    model_config = ConfigDict(extra="forbid")
    apply: BiosApply = Field(
        default=BiosApply.NEXT_BOOT, description="now: the server is switched off and on for it; or at the next_boot."
    )


def check_asked(session: Session, server: Server, by_staff: bool, parameters: BaseModel) -> None:
    """What is already known to be wrong by the BIOS as it was last read. Raises InvalidParameter."""
    assert isinstance(parameters, SetParameters)
    row = session.get(Reading, (server.id, Capability.BIOS))
    content = row.content if row is not None else None
    registry = session.get(AttributeRegistry, content["registry"]) if content and content["registry"] else None
    if content is None or registry is None:
        _refuse(not_scalar(parameters.values))
        return  # the worker reads it before it sends anything
    attributes = [BiosAttribute.from_json(one) for one in registry.content["attributes"]]
    _refuse(_wrong(parameters.values, attributes, content["values"], _denied(server.bmc.profile, by_staff)))


def _denied(profile: str, by_staff: bool) -> tuple[str, ...]:
    return () if by_staff else profiles.find(profile).bios.customer_denied


def _wrong(
    values: Mapping[str, Scalar], attributes: Any, present: Mapping[str, Any], denied: tuple[str, ...]
) -> tuple[WrongValue, ...]:
    return check(attributes, values, present=present, denied=denied)


def _refuse(wrong: tuple[WrongValue, ...]) -> None:
    if wrong:
        raise InvalidParameter(
            f"{' '.join(one.message for one in wrong[:10])} Nothing was sent.", field=f"values.{wrong[0].name}"
        )


def _check_values(run: Run) -> str:
    """Against the registry as the BMC has it now: nothing is sent where one of them is wrong."""
    wanted = _set(run)
    report = run.bmc.bios.read()
    denied = () if run.acted.by_staff else run.profile.bios.customer_denied
    _refuse(_wrong(wanted.values, report.attributes, report.values, denied))
    now, pending = _now(report, wanted.values), _pending(report, wanted.values)
    run.saw("before", bios=now, **({"bios_pending": pending} if pending else {}))
    waited = f"; pending: {_listed(pending)}" if pending else ""
    return f"{_number(wanted.values)} checked; now: {_listed(now)}{waited}"


def _ensure_pending(run: Run) -> str:
    wanted = _set(run)
    try:
        run.bmc.bios.set(wanted.values)
    except BmcError as error:
        if not error.retryable or error.details.get("sent") is False:
            raise
        run.note(f"The answer was unclear, so it was read back: {error.message}")
    report = _read_and_keep(run)
    missing = {name for name, value in wanted.values.items() if not _holds(report, name, value)}
    if missing:
        raise StateNotReached(
            f"The BMC of {run.name} took the settings, but reads back {_listed(_coming(report, missing))}.",
            wanted=_listed(wanted.values),
            last_read=_listed(_coming(report, missing)),
        )
    run.outcome = Outcome.PENDING
    return f"Read back as pending: {_listed(wanted.values)}"


def _read_values(run: Run) -> str:
    """After a restart the firmware takes its time: read until it has them, or for as long as a boot may take."""
    wanted = _set(run).values
    if not restart.wanted(run):
        report = _read_and_keep(run)
        if all(_same(report.values.get(name), value) for name, value in wanted.items()):
            run.outcome = Outcome.PROVEN
            return "They hold already"
        run.outcome = Outcome.PENDING
        return "They hold after the next boot"
    found: list[BiosReport] = []

    def there() -> bool:
        found[:] = [run.bmc.bios.read()]
        return all(_same(found[0].values.get(name), value) for name, value in wanted.items())

    limit = run.profile.boot.used_within
    agreed = run.until(there, limit, f"for {run.name}'s firmware to take the settings")
    last = _now(found[0], wanted) if found else {}
    run.saw("after", bios=last)
    if not agreed:
        raise StateNotReached(
            f"{run.name} was restarted, but its BIOS did not take the settings within {limit:.0f} s; last read: "
            f"{_listed(last) or 'nothing'}. Look at its screen: the firmware may ask for something.",
            wanted=_listed(wanted),
            last_read=_listed(last) or "nothing",
        )
    _read_and_keep(run)
    run.outcome = Outcome.PROVEN
    return f"Read back: {_listed(last)}"


def _ask_defaults(run: Run) -> str:
    """A repeat does no harm: the defaults are the same."""
    report = run.bmc.bios.read()
    run.evidence["bios_before"] = len(report.values)
    try:
        run.bmc.bios.reset()
    except BmcError as error:
        if not error.retryable or error.details.get("sent") is False:
            raise
        run.note(f"The answer was unclear: {error.message}")
    run.outcome = Outcome.PENDING
    return "The BMC took it: the defaults hold after the next boot"


def _read_defaults(run: Run) -> str:
    """What a registry calls the default is compared; a BMC whose registry names none leaves it at accepted."""
    if not restart.wanted(run):
        run.outcome = Outcome.PENDING
        return "They hold after the next boot"
    found: list[BiosReport] = []

    def there() -> bool:
        found[:] = [run.bmc.bios.read()]
        return not _differing(found[0])

    agreed = run.until(there, run.profile.boot.used_within, f"for {run.name}'s firmware to take the defaults")
    if not found:
        run.evidence["not_confirmed"] = ["the defaults: the BMC could not be read since"]
        run.outcome = Outcome.ACCEPTED
        return "The BMC took it, and could not be read since"
    report = _read_and_keep(run)
    known = [one for one in report.attributes if one.default is not None]
    other = _differing(report)
    if agreed and known:
        run.outcome = Outcome.PROVEN
        return f"Read back: {len(known)} attributes have their default"
    run.outcome = Outcome.ACCEPTED
    why = f"{len(other)} of {len(known)} attributes have another value" if known else "its registry names no defaults"
    run.evidence["not_confirmed"] = [f"the defaults: {why}"]
    return f"The server was restarted; {why}"


def _differing(report: BiosReport) -> list[str]:
    return [
        one.name
        for one in report.attributes
        if one.default is not None
        and one.name in report.values
        and not one.read_only
        and not _same(report.values[one.name], one.default)
    ]


def _read_and_keep(run: Run) -> BiosReport:
    report: BiosReport = steps.read_and_keep(run, Capability.BIOS)
    return report


def _holds(report: BiosReport, name: str, value: Scalar) -> bool:
    return _same(report.pending.get(name, report.values.get(name)), value)


def _same(one: Scalar | None, other: Scalar | None) -> bool:
    """True is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _now(report: BiosReport, names: Iterable[str]) -> dict[str, Scalar | None]:
    """What holds; what waits for the next boot is no value of now."""
    return {name: report.values.get(name) for name in names}


def _pending(report: BiosReport, names: Iterable[str]) -> dict[str, Scalar | None]:
    return {name: report.pending[name] for name in names if name in report.pending}


def _coming(report: BiosReport, names: Iterable[str]) -> dict[str, Scalar | None]:
    """What is to hold after the next boot."""
    return {**_now(report, names), **_pending(report, names)}


def _listed(values: Mapping[str, Any]) -> str:
    shown = [f"{name} {json.dumps(value)[:60]}" for name, value in list(values.items())[:8]]
    more = f" and {len(values) - 8} more" if len(values) > 8 else ""
    return ", ".join(shown) + more


def _number(values: Mapping[str, Any]) -> str:
    return f"{len(values)} setting{'s' * (len(values) != 1)}"


def _ask_for_key(run: Run) -> str:
    """Before the server is switched on: a gateway needs a moment to open its screen."""
    key = run.profile.consoles.setup_key
    if key is None:
        return Skipped("Its firmware needs no key")
    with database().write() as session:
        try:
            setup_keys.ask(session, session.get_one(Job, run.acted.job_id), key)
        except NoWay as error:
            return Skipped(f"{error.message} Press {key.key} yourself as it starts.")
    return f"{key.key} is pressed at its screen for {key.seconds:g} s, until somebody types there"


def _set(run: Run) -> SetParameters:
    assert isinstance(run.parameters, SetParameters)
    return run.parameters


ACTIONS = (
    Action(
        name="bios.set",
        title="Set BIOS",
        consequence="BIOS settings of {server} change at its next boot. If they are to hold now, its power is cut and "
        "comes back after some seconds: unsaved data is lost.",
        danger="hard",
        permission=Permission.BIOS,
        lock=Lock.SERVER,
        tag=Tag.SERVER_BIOS_SET,
        capability=Capability.BIOS,
        parameters=SetParameters,
        check=check_asked,
        steps=(
            steps.IDENTITY,
            restart.READ_POWER,
            Step("check_values", "Check the values with the BIOS", _check_values),
            Step("ensure_pending", "Set them and read back", _ensure_pending),
            *restart.RESTART,
            Step("read_values", "Read the values", _read_values),
        ),
        no_return=restart.NO_RETURN,
    ),
    Action(
        name="bios.reset",
        title="Reset BIOS to defaults",
        consequence="All BIOS settings of {server} go back to the factory's at its next boot: boot order, RAID and "
        "virtualisation modes among them. If now, its power is cut and comes back: unsaved data is lost.",
        danger="hard",
        permission=Permission.BIOS,
        lock=Lock.SERVER,
        tag=Tag.SERVER_BIOS_RESET,
        capability=Capability.BIOS,
        parameters=ResetParameters,
        steps=(
            steps.IDENTITY,
            restart.READ_POWER,
            Step("ask_defaults", "Ask for the defaults", _ask_defaults),
            *restart.RESTART,
            Step("read_defaults", "Read the values", _read_defaults),
        ),
        no_return=restart.NO_RETURN,
    ),
    Action(
        name="bios.setup",
        title="Open the BIOS setup",
        consequence="{server} is {state}. Its power is cut, and it starts into the BIOS setup, on its screen: unsaved "
        "data is lost.",
        danger="hard",
        permission=Permission.BIOS,
        lock=Lock.SERVER,
        tag=Tag.SERVER_BIOS_SETUP,
        capability=Capability.BOOT,
        steps=(
            steps.IDENTITY,
            *boot.once(BootSource.BIOS_SETUP),
            steps.READ,
            steps.ENSURE_OFF,
            steps.DWELL,
            Step("press_key", "Have the key of the setup pressed", _ask_for_key),
            steps.ENSURE_ON,
        ),
        no_return="ensure_off",
    ),
)
