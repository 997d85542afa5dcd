"""Network protocols and host interfaces of a controller as facts of its security (DSP2046)."""

from collections.abc import Iterable, Mapping
from typing import Any

from oobctl.drivers.readings import SecurityFact

NONE = "none"
"""The value of insecure_protocols where none is switched on."""


def _enabled(protocols: Mapping[str, Any], name: str) -> bool | None:
    protocol = protocols.get(name)
    value = protocol.get("ProtocolEnabled") if isinstance(protocol, dict) else None
    return value if isinstance(value, bool) else None


def ipmi_over_lan(all_protocols: Iterable[Mapping[str, Any]]) -> SecurityFact:
    """ManagerNetworkProtocol.IPMI of each controller: on where it is on at one of them."""
    said = [_enabled(protocols, "IPMI") for protocols in all_protocols]
    if True in said:
        return SecurityFact("ipmi_over_lan", True)
    if False in said:
        return SecurityFact("ipmi_over_lan", False)
    return SecurityFact("ipmi_over_lan", None, "The BMC's network protocols do not tell it.")


def insecure_protocols(all_protocols: Iterable[Mapping[str, Any]]) -> SecurityFact:
    """Those that are on, or `none`; not known where no controller tells of any."""
    listed = list(all_protocols)
    told = [name for name in ("HTTP", "Telnet", "SNMP") if any(_enabled(one, name) is not None for one in listed)]
    if not told:
        return SecurityFact("insecure_protocols", None, "The BMC's network protocols do not tell it.")
    found = [name for name in told if any(_enabled(one, name) and _plain(one, name) for one in listed)]
    missing = [name for name in ("HTTP", "Telnet", "SNMP") if name not in told]
    detail = f"The BMC does not tell of {' and '.join(missing)}." if missing else None
    return SecurityFact("insecure_protocols", ", ".join(found) or NONE, detail)


def _plain(protocols: Mapping[str, Any], name: str) -> bool:
    """SNMP is encrypted where its versions 1 and 2c are both known to be off."""
    if name != "SNMP":
        return True
    snmp = protocols["SNMP"]
    return not (snmp.get("EnableSNMPv1") in {False, None} and snmp.get("EnableSNMPv2c") is False)


def host_interface(interfaces: Iterable[Mapping[str, Any]], told: bool) -> SecurityFact:
    """True where a host interface is on. No Redfish tells of KCS, so that it is closed is never known.

    told: whether the BMC has a list of host interfaces at all.
    """
    listed = list(interfaces)
    if any(interface.get("InterfaceEnabled") is True for interface in listed):
        return SecurityFact("host_interface", True, "a network host interface is switched on")
    known = listed and all(interface.get("InterfaceEnabled") is False for interface in listed)
    off = "The network host interface is off. " if known or (told and not listed) else ""
    return SecurityFact("host_interface", None, f"{off}Whether KCS is open can't be read over Redfish.")
