"""Behaviours of the boot override."""

from dataclasses import replace
from typing import Any

import flask

from oobctl.lab.redfish_service.trees import boot, refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk

_TRIPLE = (boot.TARGET, boot.ENABLED, boot.MODE)


def asked_of(state: State, asked: Asked) -> dict[str, Any] | None:
    """The Boot that a PATCH of a system or its settings asks for."""
    if asked.method != "PATCH" or state.resources.kind(asked.path) != "ComputerSystem":
        return None
    found = (asked.body or {}).get("Boot")
    return found if isinstance(found, dict) else None


class BootNeedsFullTriple(Behaviour):
    """Target, Enabled and Mode, as far as the system has them, are all to be sent each time."""

    name = Quirk.BOOT_NEEDS_FULL_TRIPLE

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        wanted = asked_of(state, asked)
        if wanted is None or not set(wanted) & set(_TRIPLE):
            return None
        held = state.resources.at(asked.path)["Boot"]
        return next((refusals.missing(name) for name in _TRIPLE if name in held and name not in wanted), None)


class BootModeReadOnly(Behaviour):
    """The mode can be read, and not be sent."""

    name = Quirk.BOOT_MODE_READ_ONLY

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        wanted = asked_of(state, asked)
        return refusals.cannot_write(boot.MODE) if wanted is not None and boot.MODE in wanted else None


class BootOnceOnly(Behaviour):
    """An override for all boots is not taken, and the service does not say so beforehand."""

    name = Quirk.BOOT_ONCE_ONLY

    def prepare(self, state: State) -> None:
        for path in state.resources.of_kind("ComputerSystem"):
            (state.resources.at(path).get("Boot") or {}).pop(f"{boot.ENABLED}@Redfish.AllowableValues", None)

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        value = (asked_of(state, asked) or {}).get(boot.ENABLED)
        return refusals.value_not_in_list(value, boot.ENABLED) if value == "Continuous" else None


class BootInSettings(Behaviour):
    """The override is set at the system's settings resource; the system's own Boot can be read alone."""

    name = Quirk.BOOT_IN_SETTINGS

    def prepare(self, state: State) -> None:
        for path in state.resources.of_kind("ComputerSystem"):
            system = state.resources.at(path)
            if "Boot" not in system or boot.settings(state, path) is not None:
                continue
            place = f"{path}/SD"
            kept = {name: system[name] for name in ("@odata.type", "Id", "Name")}
            state.resources.put(place, {"@odata.id": place, "@odata.etag": "", **kept, "Boot": dict(system["Boot"])})
            system["@Redfish.Settings"] = {
                "@odata.type": "#Settings.v1_3_5.Settings",
                "SettingsObject": {"@odata.id": place},
            }

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked_of(state, asked) is None or boot.settings(state, asked.path) is None:
            return None
        return refusals.cannot_write("Boot")


class BootVirtualCdIsUsbCd(Behaviour):
    """Cd is a real drive, which is empty; an image in virtual media is booted as UsbCd."""

    name = Quirk.BOOT_VIRTUAL_CD_IS_USB

    def prepare(self, state: State) -> None:
        for path in state.resources.of_kind("ComputerSystem"):
            listed = (state.resources.at(path).get("Boot") or {}).get(f"{boot.TARGET}@Redfish.AllowableValues")
            if isinstance(listed, list) and "UsbCd" not in listed:
                listed.append("UsbCd")
        state.after_boot.append(lambda _system: self._falls_through(state))

    @staticmethod
    def _falls_through(state: State) -> None:
        if state.boots[-1].source == "Cd":
            state.boots[-1] = replace(state.boots[-1], source="None")


class BootVirtualCdInAttributes(Behaviour):
    """Cd is a real drive, which is empty; an image is booted by an attribute of the manager."""

    name = Quirk.BOOT_VIRTUAL_CD_IN_ATTRIBUTES

    def prepare(self, state: State) -> None:
        for path in state.resources.of_kind("Manager"):
            place = f"{path}/Attributes"
            if place not in state.resources:
                kind = "#DellAttributes.v1_0_0.DellAttributes"
                values = {"ServerBoot.1.BootOnce": "Enabled", "ServerBoot.1.FirstBootDevice": "Normal"}
                state.resources.put(place, {"@odata.id": place, "@odata.type": kind, "Attributes": values})
        state.after_boot.append(lambda _system: self._first_device(state))

    @staticmethod
    def _first_device(state: State) -> None:
        """The attribute outweighs the override; once used, one for a single boot is gone."""
        booted = state.boots[-1]
        for path in state.resources.of_kind("DellAttributes"):
            values = state.resources.at(path).get("Attributes") or {}
            if values.get("ServerBoot.1.FirstBootDevice") == "VCD-DVD":
                state.boots[-1] = replace(booted, source="VCD-DVD")
                if values.get("ServerBoot.1.BootOnce") == "Enabled":
                    values["ServerBoot.1.FirstBootDevice"] = "Normal"
                return
        if booted.source == "Cd":
            state.boots[-1] = replace(booted, source="None")


class BootClearNeedsTarget(Behaviour):
    """Enabled is taken where a target stands beside it alone, also to disable."""

    name = Quirk.BOOT_CLEAR_NEEDS_TARGET

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        wanted = asked_of(state, asked)
        if wanted is None or boot.ENABLED not in wanted:
            return None
        target = wanted.get(boot.TARGET, state.resources.at(asked.path)["Boot"].get(boot.TARGET))
        return refusals.unsupported() if target in (None, "None") else None


class BootOverrideRefused(Behaviour):
    """An override is listed, and none is taken."""

    name = Quirk.BOOT_OVERRIDE_REFUSED

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        return refusals.unsupported() if asked_of(state, asked) is not None else None


BEHAVIOURS = (
    BootNeedsFullTriple,
    BootModeReadOnly,
    BootOnceOnly,
    BootInSettings,
    BootVirtualCdIsUsbCd,
    BootVirtualCdInAttributes,
    BootClearNeedsTarget,
    BootOverrideRefused,
)
