"""What a server is made of, over IPMI: its FRUs, the parts that its sensors show, and the BMC's firmware."""

import re
from dataclasses import replace

from oobctl.constants import PartKind, State
from oobctl.drivers.interfaces import Fence, Identity
from oobctl.drivers.ipmi import codes, entities, words
from oobctl.drivers.ipmi.bmc import IpmiBmc
from oobctl.drivers.ipmi.entities import EntityPart
from oobctl.drivers.ipmi.fru import BOARD, CHASSIS, PRODUCT, FruContent, parse
from oobctl.drivers.ipmi.fru_reader import ABSENT, FruReader
from oobctl.drivers.ipmi.repository import repository
from oobctl.drivers.ipmi.sdr import BMC_ADDRESS, FruLocator
from oobctl.drivers.ipmi.sensors import sweep
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import InventoryReport, Part, Scalar
from oobctl.errors import BmcBusy, BmcRefused, NotSupported

_BUILT_IN = 0  # the FRU of the server itself
_IS_FRU = frozenset({0x00, 0x02, 0x03})  # device type modifiers whose content is a FRU, and no SPD
_SUFFIX = re.compile(r"[ _-]+FRU$", re.IGNORECASE)
_CHASSIS_TYPES = {0x03: "Desktop", 0x07: "Tower", 0x11: "Main server", 0x17: "RackMount", 0x1C: "Blade"}


class IpmiInventory:
    """interfaces.Inventory over one session."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._bmc = session, IpmiBmc(session, fence)

    def read(self) -> InventoryReport:
        """FRUs, then what the sensors show, then the BMC. Each is left out and named where the BMC refuses it."""
        return _Reader(self._session).report(self._bmc.identity())


class _Reader:
    """One reading of the inventory, and what is wrong with it."""

    def __init__(self, session: IpmiSession) -> None:
        self._session = session
        self._problems: list[str] = []

    def report(self, who: Identity) -> InventoryReport:
        parts = self._server({"UUID": who.system_uuid} if who.system_uuid else {})
        parts += self._from_records()
        parts.append(_firmware(who))
        return InventoryReport(tuple(parts), tuple(dict.fromkeys(self._problems)))

    def _server(self, uuid: dict[str, Scalar]) -> list[Part]:
        """The system, its chassis and its board, of the FRU 0."""
        reader = FruReader(self._session, _BUILT_IN)
        if reader.missing is not None:
            self._problems.append(
                f"The BMC gives no FRU 0, which is the server's: it answered 0x{reader.missing:02X}, "
                f"{codes.words(reader.missing)}."
            )
            return [Part(PartKind.SYSTEM, "System", "FRU 0", details=uuid)]
        content = self._content(reader, "FRU 0")
        parts = [
            Part(
                PartKind.SYSTEM,
                content.first("product", PRODUCT, BOARD) or "System",
                "FRU 0",
                manufacturer=content.first("manufacturer", PRODUCT, BOARD),
                model=content.first("product", PRODUCT, BOARD),
                part_number=content.first("part_number", PRODUCT, BOARD),
                serial=content.first("serial", PRODUCT, BOARD),
                state=State.ENABLED,
                details=_details(content, PRODUCT) | uuid,
            )
        ]
        parts += [_area_part(content, area) for area in (CHASSIS, BOARD) if area in content.areas]
        return parts

    def _content(self, reader: FruReader, name: str) -> FruContent:
        content = parse(reader.read)
        self._problems += [f"The {name} {problem}, which was left out." for problem in content.problems]
        if reader.refused is not None:
            self._problems.append(
                f"The {name} was not read whole: the BMC answered 0x{reader.refused:02X}, "
                f"{codes.words(reader.refused)}."
            )
        return content

    def _from_records(self) -> list[Part]:
        """FRUs that the records tell of, joined with the parts that the sensors show."""
        try:
            records = repository(self._session)
            found = sweep(self._session)
        except (BmcBusy, BmcRefused, NotSupported) as error:
            self._problems.append(f"What the sensors would show of the parts is missing: {error.message}")
            return []
        self._problems += found.problems
        shown = entities.parts_of(found.items)
        parts = [self._located(locator, shown) for locator in records.frus if locator.device != _BUILT_IN]
        return parts + [_shown(part) for part in shown]

    def _located(self, locator: FruLocator, shown: list[EntityPart]) -> Part:
        """A part that has a FRU; what the sensors show of the same entity goes into it, and out of `shown`."""
        part = self._fru_part(locator)
        same = [other for other in shown if other.entity == (locator.entity, locator.instance)]
        if len(same) != 1:
            return part
        shown.remove(same[0])
        state = part.state if part.state is State.ABSENT else same[0].state
        if state is State.UNKNOWN:
            state = part.state
        label = same[0].label
        return replace(part, name=label, location=label, state=state, health=same[0].health)

    def _fru_part(self, locator: FruLocator) -> Part:
        part = Part(
            entities.kind_of(locator.entity),
            _SUFFIX.sub("", locator.name) or locator.name,
            f"FRU {locator.device}",
            location=words.entity(locator.entity, locator.instance),
        )
        if locator.owner != BMC_ADDRESS or not locator.logical or locator.modifier not in _IS_FRU:
            return part
        reader = FruReader(self._session, locator.device, locator.lun)
        if reader.missing in ABSENT:
            return replace(part, state=State.ABSENT)
        if reader.missing is not None:
            self._problems.append(
                f"The FRU {locator.device} ({locator.name}) can't be read: the BMC answered 0x{reader.missing:02X}, "
                f"{codes.words(reader.missing)}."
            )
            return part
        content = self._content(reader, f"FRU {locator.device} ({locator.name})")
        return replace(
            part,
            manufacturer=content.first("manufacturer", PRODUCT, BOARD),
            model=content.first("product", PRODUCT, BOARD),
            part_number=content.first("part_number", PRODUCT, BOARD),
            serial=content.first("serial", PRODUCT, BOARD),
            state=State.ENABLED if content.areas else State.UNKNOWN,
            details=_details(content),
        )


def _firmware(who: Identity) -> Part:
    """The BMC's own; the MAC address is its own as well."""
    return Part(
        PartKind.FIRMWARE,
        "BMC",
        "Get Device ID",
        model=who.bmc_model,
        firmware=who.bmc_firmware,
        mac_addresses=(who.bmc_mac,) if who.bmc_mac else (),
        state=State.ENABLED,
    )


def _area_part(content: FruContent, area: str) -> Part:
    fields = content.areas[area]
    return Part(
        PartKind.CHASSIS if area == CHASSIS else PartKind.BOARD,
        fields.get("product") or area.capitalize(),
        "FRU 0",
        manufacturer=fields.get("manufacturer"),
        model=fields.get("product"),
        part_number=fields.get("part_number"),
        serial=fields.get("serial"),
        state=State.ENABLED,
        details=_details(content, area),
    )


def _details(content: FruContent, *areas: str) -> dict[str, Scalar]:
    """What else a FRU says, by Redfish's names."""
    details: dict[str, Scalar] = {}
    for area in areas or (PRODUCT,):
        fields = content.areas.get(area, {})
        if "asset_tag" in fields:
            details["AssetTag"] = fields["asset_tag"]
        if "version" in fields:
            details["Version"] = fields["version"]
        if area == CHASSIS and "type" in fields:
            details["ChassisType"] = _CHASSIS_TYPES.get(int(fields["type"]), f"type {fields['type']}")
    if content.made is not None and areas != (PRODUCT,) and areas != (CHASSIS,):
        details["ProductionDate"] = content.made.date().isoformat()
    if content.power_watts is not None and not areas:
        details["PowerCapacityWatts"] = content.power_watts
    return details


def _shown(part: EntityPart) -> Part:
    return Part(
        part.kind,
        part.label,
        part.sensors[0].source,
        location=part.label,
        state=part.state,
        health=part.health,
    )
