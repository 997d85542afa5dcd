"""BIOS settings over Redfish: what holds, what will hold, what may be set (DSP2046, Bios; DSP0266, section 9.10)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.bios_values import BiosAttribute, Scalar
from oobctl.drivers.identity import clean
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import BiosReport
from oobctl.drivers.redfish import bios_decode, change, registries, tasks
from oobctl.drivers.redfish.action_info import offered
from oobctl.drivers.redfish.answers import Reply, extended, link, said, text
from oobctl.drivers.redfish.fields import oem
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.waiting import tries
from oobctl.drivers.redfish.walk import Problems, Walk
from oobctl.errors import BmcBadAnswer, BmcError, BmcRefused, NotSupported, StateNotReached
from oobctl.profiles.quirks import Quirk

_SETTINGS, _APPLY_TIME, _ON_RESET = "@Redfish.Settings", "@Redfish.SettingsApplyTime", "OnReset"
_UNLINKED = ("SD", "Settings")  # below the Bios resource
_UNNAMED_REGISTRY = "BiosAttributeRegistry"
_PENDING_WITHIN = 20.0  # seconds, until what was set must be read as pending
_STARTS_WITHIN = 10.0  # seconds, for which a task that waits for the next boot is watched
_LONGEST_WORDS = 300
_GOOD = (".success", "resetrequired", ".noerror")


@dataclass(frozen=True)
class _Bios:
    """The Bios resource, where its settings are, and the values of both as the BMC has them."""

    resource: dict[str, Any]
    settings: str | None
    now: dict[str, Scalar | None]
    wanted: dict[str, Scalar | None]

    @property
    def pending(self) -> dict[str, Scalar | None]:
        return {
            name: value
            for name, value in self.wanted.items()
            if name not in self.now or not same(value, self.now[name])
        }

    def coming(self, name: str) -> Scalar | None:
        """What will hold after the next boot."""
        return self.wanted.get(name, self.now.get(name))


def same(one: Scalar | None, other: Scalar | None) -> bool:
    """True is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _good(message: Mapping[str, Any]) -> bool:
    """A message that tells of no trouble."""
    name = text(message, "MessageId") or ""
    severity = text(message, "MessageSeverity") or text(message, "Severity")
    return severity == "OK" or name.lower().endswith(_GOOD)


class RedfishBios:
    """interfaces.Bios of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def read(self) -> BiosReport:
        """Raises NotSupported where the system has no Bios."""
        problems = Problems()
        bios = self._read(problems)
        registry = self._registry(bios.resource, problems)
        attributes: tuple[BiosAttribute, ...] = ()
        if registry is not None:
            attributes = bios_decode.attributes(registry, bios.now, problems)
        if not attributes:
            attributes = bios_decode.inferred(bios.now)
        words = self._last_words(bios.resource)
        if words:
            problems.append(f"The BMC said of the settings that were last applied: {words}")
        return BiosReport(
            values=bios_decode.without_passwords(bios.now, attributes),
            pending=bios_decode.without_passwords(bios.pending, attributes),
            registry_id=None if registry is None else clean(text(registry, "Id")) or self._registry_name(bios.resource),
            attributes=attributes,
            problems=tuple(problems),
        )

    def set(self, values: Mapping[str, Scalar]) -> None:
        """Returns when they were read as pending; what holds already and is not to change is not sent.

        Raises BmcBusy where the firmware was still starting after the profile's bios.busy_limit.
        """
        problems = Problems()
        before = self._read(problems)
        if before.settings is None:
            raise NotSupported(
                "This BMC's Bios links to no settings, so nothing can be set there. If it has them all the same, its "
                f"profile has to say so with the quirk {Quirk.BIOS_SETTINGS_UNLINKED}."
            )
        body = {name: value for name, value in values.items() if not same(before.coming(name), value)}
        what = "set BIOS attributes"
        if not body:
            self._make_job(before.settings, values.keys() & before.pending.keys(), what)
            return
        reply = self._patch(before.settings, body, self._apply_time(before.resource), what)
        error = self._refusal(before, body) if reply.ok else change.refusal(self._session, reply, what)
        if error is None:
            error = self._make_job(before.settings, body, what)
        if isinstance(error, BmcRefused):
            raise BmcRefused(error.message + self._take_back(before, body), **error.details)
        if error is not None:
            raise error

    def reset(self) -> None:
        """Raises NotSupported where the BMC has no action for it."""
        resource = self._read(Problems()).resource
        action = offered(self._session, resource, "Bios.ResetBios")
        if action is None:
            raise NotSupported("This BMC has no action Bios.ResetBios.")
        what = "reset the BIOS settings to the factory's defaults"
        reply = change.patiently(
            self._session, lambda: self._session.write("POST", action.target, {}, self._fence, what=what), what
        )
        if not reply.ok:
            raise reply.error(what)
        try:
            tasks.finish(self._session, reply, what, _STARTS_WITHIN)
        except StateNotReached:  # it waits for the next boot
            return

    # --- reading

    def _read(self, problems: list[str]) -> _Bios:
        path = link(self._tree.system().resource(), "Bios")
        if path is None:
            raise NotSupported("This BMC's Redfish service has no Bios of its system.")
        resource = self._session.resource(path, what="describe its BIOS")
        settings, wanted = self._settings(path, resource, problems)
        return _Bios(resource, settings, bios_decode.values(resource, problems), bios_decode.values(wanted, problems))

    def _settings(self, path: str, resource: dict[str, Any], problems: list[str]) -> tuple[str | None, dict[str, Any]]:
        """The settings resource's path and content; no path where there is none."""
        linked = link(resource, _SETTINGS, "SettingsObject")
        unlinked = self._session.login.profile.has(Quirk.BIOS_SETTINGS_UNLINKED)
        places = [f"{path.rstrip('/')}/{name}" for name in _UNLINKED] if unlinked and linked is None else []
        for place in [linked] if linked is not None else places:
            try:
                return place, self._session.resource(place, what="describe its BIOS settings")
            except (BmcRefused, BmcBadAnswer, NotSupported) as error:
                if linked is not None:
                    problems.append(f"What is pending for the BIOS is not known: {error.message}")
                    return linked, {}
        return None, {}

    def _registry_name(self, resource: dict[str, Any]) -> str:
        return clean(text(resource, "AttributeRegistry")) or _UNNAMED_REGISTRY

    def _registry(self, resource: dict[str, Any], problems: list[str]) -> dict[str, Any] | None:
        name = self._registry_name(resource)
        try:
            found = registries.load(self._session, self._tree, name)
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            problems.append(f"What the BIOS attributes take is not known: {error.message}")
            return None
        if found is None:
            problems.append(f"What the BIOS attributes take is not known: this BMC has no registry {name}.")
        return found

    @staticmethod
    def _last_words(resource: Mapping[str, Any]) -> str | None:
        """What the BMC says of the settings that it applied last, where that was no success (@Redfish.Settings)."""
        about = resource.get(_SETTINGS)
        listed = about.get("Messages") if isinstance(about, dict) else None
        told = [item for item in (listed if isinstance(listed, list) else []) if isinstance(item, dict)]
        told += extended(about) if isinstance(about, dict) else []
        return clean(" ".join(said(item) for item in told if not _good(item)), _LONGEST_WORDS)

    # --- writing

    @staticmethod
    def _apply_time(resource: Mapping[str, Any]) -> dict[str, Any]:
        """To be sent along, where the BMC lets us choose when settings are applied."""
        about = resource.get(_SETTINGS)
        times = about.get("SupportedApplyTimes") if isinstance(about, dict) else None
        return {_APPLY_TIME: {"ApplyTime": _ON_RESET}} if isinstance(times, list) and _ON_RESET in times else {}

    def _patch(self, path: str, attributes: Mapping[str, Any], more: Mapping[str, Any], what: str) -> Reply:
        body = {"Attributes": dict(attributes), **more}
        return change.patiently(
            self._session, lambda: change.patch(self._session, path, body, self._fence, what=what), what
        )

    def _make_job(self, settings: str, pending: Collection[str], what: str) -> BmcError | None:
        """On some BMCs no boot applies what is pending before a job was made for it. Returns why there is none.

        Where nothing new is pending there may be one already.
        """
        if not pending or not self._session.login.profile.has(Quirk.BIOS_NEEDS_JOB):
            return None
        walk = Walk(self._session, self._tree)
        controllers = walk.managers()
        blocks = [walk.resource(settings, what), *(member.resource for member in controllers)]
        blocks += [resource for member in controllers if isinstance(resource := member.resource.get("Links"), dict)]
        jobs = next((path for block in blocks if (path := link({"it": oem(block, "Jobs")}, "it"))), None)
        if jobs is None and controllers:
            jobs = f"{controllers[0].path.rstrip('/')}/Jobs"
        if jobs is None:
            return NotSupported("This BMC has no jobs, and applies no BIOS settings without one.")
        body = {"TargetSettingsURI": settings}
        reply = self._session.write("POST", jobs, body, self._fence, what=what)
        if reply.ok:
            return None
        return change.refusal(self._session, reply, "make the job that applies BIOS settings")

    def _refusal(self, before: _Bios, wanted: Mapping[str, Scalar]) -> BmcRefused | None:
        """Read back until all of it is pending; else which is not, with what the BMC says of it."""
        missing: list[str] = []
        for _ in tries(_PENDING_WITHIN):
            after = self._read(Problems())
            missing = [name for name, value in wanted.items() if not same(after.coming(name), value)]
            if not missing:
                return None
        words = self._last_words(after.resource)
        told = f" It says: {words}" if words and words != self._last_words(before.resource) else ""
        return BmcRefused(f"The BMC accepted BIOS attributes and did not make pending: {', '.join(missing)}.{told}")

    def _take_back(self, before: _Bios, wanted: Mapping[str, Scalar]) -> str:
        """Make what was taken of it as it was, so that nothing of a refused change is pending. Says how it stands."""
        what = "take BIOS attributes back"
        try:
            taken = self._taken(before, wanted)
            if taken and before.settings is not None:
                restored = {name: before.coming(name) for name in taken}
                reply = self._patch(before.settings, restored, self._apply_time(before.resource), what)
                taken = self._taken(before, wanted) if reply.ok else taken
        except BmcError as error:
            return f" Whether some of it is pending is not known: {error.message}"
        return f" Still pending is: {', '.join(taken)}." if taken else " Nothing of it is pending."

    def _taken(self, before: _Bios, wanted: Mapping[str, Scalar]) -> list[str]:
        after = self._read(Problems())
        return [name for name in wanted if not same(after.coming(name), before.coming(name))]
