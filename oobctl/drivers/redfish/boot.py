"""Boot override over Redfish: ComputerSystem.Boot (DSP2046, ComputerSystem, BootSourceOverride*)."""

from dataclasses import dataclass
from typing import Any, TypeVar

from oobctl.constants import BootEnabled, BootMode, BootSource
from oobctl.drivers.interfaces import BootOverride, Fence
from oobctl.drivers.redfish import change
from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.virtual_cd import VirtualCd
from oobctl.errors import BmcBadAnswer, BmcError, NotSupported
from oobctl.profiles.model import BootSettings
from oobctl.profiles.quirks import Quirk

_TARGET, _ENABLED, _MODE = "BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode"
_VIRTUAL_CD = "UsbCd"  # ComputerSystem.BootSource of some firmware: the virtual CD hangs on the USB bus


@dataclass(frozen=True)
class _Place:
    """A resource that has a Boot, and what it says."""

    path: str
    resource: dict[str, Any]
    boot: dict[str, Any]


class RedfishBoot:
    """interfaces.Boot of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence
        self._virtual_cd = VirtualCd(session, tree, fence)

    @property
    def _settings(self) -> BootSettings:
        return self._session.login.profile.boot

    def _has(self, quirk: Quirk) -> bool:
        return self._session.login.profile.has(quirk)

    def read(self) -> BootOverride:
        """A part that the BMC does not tell is None, and so is a source that is none of ours.

        With the quirk boot-in-settings it is what waits there for the next boot; where nothing does, the system's own.
        """
        system = self._system()
        if self._has(Quirk.BOOT_VIRTUAL_CD_IN_ATTRIBUTES) and (enabled := self._virtual_cd.read()) is not None:
            return BootOverride(BootSource.CD, enabled, _word(BootMode, system.boot, _MODE))
        waiting = self._set_at(system)
        found = self._override(waiting.boot)
        return found if found.active or waiting is system else self._override(system.boot)

    def check(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        system = self._system()
        if source is BootSource.CD and self._has(Quirk.BOOT_VIRTUAL_CD_IN_ATTRIBUTES):
            _as_it_is(mode, _word(BootMode, system.boot, _MODE))
            return
        self._wanted({**system.boot, **self._set_at(system).boot}, source, enabled, mode)

    def set(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        """Set or clear it. Raises NotSupported, before anything is sent, where this BMC can't hold it."""
        system = self._system()
        if self._has(Quirk.BOOT_VIRTUAL_CD_IN_ATTRIBUTES):
            if source is BootSource.CD and enabled is not BootEnabled.DISABLED:
                _as_it_is(mode, _word(BootMode, system.boot, _MODE))
                if self._override(system.boot).active:  # which of the two would win is not known
                    self._send(system, BootSource.NONE, BootEnabled.DISABLED, None)
                self._virtual_cd.set(enabled)
                return
            self._virtual_cd.clear()
        self._send(system, source, enabled, mode)

    def _send(self, system: "_Place", source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        place = self._set_at(system)
        wanted = self._wanted({**system.boot, **place.boot}, source, enabled, mode)
        what = "clear the boot override" if enabled is BootEnabled.DISABLED else f"boot from {source}"
        reply = change.patiently(
            self._session,
            lambda: change.patch(self._session, place.path, {"Boot": wanted}, self._fence, what=what),
            what,
        )
        if not reply.ok:
            raise self._refusal(reply, what)

    def _refusal(self, reply: Reply, what: str) -> BmcError:
        error = change.refusal(self._session, reply, what)
        note = self._session.login.profile.quirks.get(Quirk.BOOT_OVERRIDE_REFUSED)
        if note is None or not reply.says("unsupportedoperation"):
            return error
        return NotSupported(
            f"{error.message} Nothing was changed: this BMC lists a boot override and may take none. {note.why} Change "
            "the boot order in its BIOS settings, or choose in the boot menu at the server's screen.",
            **error.details,
        )

    # --- where it is

    def _system(self) -> _Place:
        resource = self._tree.system().resource()
        boot = resource.get("Boot")
        if boot is None:
            raise NotSupported("This BMC's system has no Boot: its boot source can't be overridden.")
        if not isinstance(boot, dict):
            raise BmcBadAnswer("The BMC's Boot is no JSON object.")
        return _Place(self._tree.system_path, resource, boot)

    def _set_at(self, system: _Place) -> _Place:
        """Where the override is changed: at the system, or (boot-in-settings) at the settings that it links."""
        path = link(system.resource, "@Redfish.Settings", "SettingsObject")
        if not self._has(Quirk.BOOT_IN_SETTINGS) or path is None:
            return system
        resource = self._session.resource(path, what="describe its system's settings")
        boot = resource.get("Boot")
        return _Place(path, resource, boot if isinstance(boot, dict) else {})

    def _override(self, boot: dict[str, Any]) -> BootOverride:
        enabled, mode = _word(BootEnabled, boot, _ENABLED), _word(BootMode, boot, _MODE)
        source = _word(BootSource, boot, _TARGET) if boot.get(_TARGET) else BootSource.NONE
        if boot.get(_TARGET) == _VIRTUAL_CD and self._has(Quirk.BOOT_VIRTUAL_CD_IS_USB):
            source = BootSource.CD
        if enabled is BootEnabled.DISABLED or source is BootSource.NONE:
            return BootOverride(BootSource.NONE, BootEnabled.DISABLED, mode)
        return BootOverride(source, enabled, mode)

    # --- what is sent

    def _wanted(
        self, boot: dict[str, Any], source: BootSource, enabled: BootEnabled, mode: BootMode | None
    ) -> dict[str, str]:
        if enabled is BootEnabled.DISABLED or source is BootSource.NONE:
            wanted: dict[str, str] = {_ENABLED: BootEnabled.DISABLED, _TARGET: self._cleared_target(boot)}
        else:
            wanted = {_TARGET: self._target(source), _ENABLED: self._enabled(enabled)}
            if source is BootSource.UEFI_HTTP and _MODE in boot:
                mode = mode or BootMode.UEFI
            _listed(boot, _TARGET, wanted[_TARGET])
            _listed(boot, _ENABLED, enabled)
        mode = self._mode(boot, mode, clears=wanted[_ENABLED] == BootEnabled.DISABLED)
        if mode is not None:
            _listed(boot, _MODE, mode)
            wanted[_MODE] = mode
        return wanted

    def _cleared_target(self, boot: dict[str, Any]) -> str:
        """What stands beside Disabled: None, or any target (it counts no longer) where that is wanted."""
        if not self._has(Quirk.BOOT_CLEAR_NEEDS_TARGET):
            return BootSource.NONE
        now = boot.get(_TARGET)
        return now if isinstance(now, str) and now not in ("", BootSource.NONE) else BootSource.PXE

    def _target(self, source: BootSource) -> str:
        is_usb = source is BootSource.CD and self._has(Quirk.BOOT_VIRTUAL_CD_IS_USB)
        return _VIRTUAL_CD if is_usb else source

    def _enabled(self, enabled: BootEnabled) -> BootEnabled:
        if enabled is BootEnabled.CONTINUOUS and self._has(Quirk.BOOT_ONCE_ONLY):
            raise NotSupported(
                "This BMC takes a boot override for the next boot alone, not for all boots. Nothing was sent. Ask for "
                "Once, or change the boot order in its BIOS settings."
            )
        return enabled

    def _mode(self, boot: dict[str, Any], asked: BootMode | None, *, clears: bool) -> BootMode | None:
        """The mode to send; None: none is sent."""
        now = _word(BootMode, boot, _MODE)
        if self._has(Quirk.BOOT_MODE_READ_ONLY):
            if not clears:
                _as_it_is(asked, now)
            return None
        chosen = asked or self._settings.mode
        if not self._has(Quirk.BOOT_NEEDS_FULL_TRIPLE):
            return None if clears else chosen
        if _MODE not in boot:  # an older service, whose override is a pair
            return chosen
        if chosen is None and now is None:
            raise NotSupported(
                "This BMC wants to be told the boot mode with each override, and does not say which it has now. "
                "Nothing was sent. Say UEFI or Legacy."
            )
        return chosen or now


def _as_it_is(asked: BootMode | None, now: BootMode | None) -> None:
    """Raises NotSupported where another mode is asked for than the one that the server boots in."""
    if asked is not None and now is not None and asked is not now:
        raise NotSupported(
            f"This BMC's server boots in {now} mode, and its boot override can't change that. Nothing was sent. Leave "
            "the mode empty, or change it in the BIOS settings."
        )


Word = TypeVar("Word", BootSource, BootEnabled, BootMode)


def _word(kind: type[Word], boot: dict[str, Any], key: str) -> Word | None:
    """The BMC's word as ours; None where it is missing or none of ours (Usb, UefiShell and so on)."""
    try:
        return kind(boot[key])
    except (KeyError, ValueError):
        return None


def _listed(boot: dict[str, Any], key: str, value: str) -> None:
    """Raises NotSupported where the BMC lists what it takes, and this is not among it."""
    values = boot.get(f"{key}@Redfish.AllowableValues")
    if isinstance(values, list) and value not in values:
        raise NotSupported(f"This BMC's {key} takes {', '.join(map(str, values))}, and not {value}.")
