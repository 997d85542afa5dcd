"""The faults that can be injected, and what each protocol of a server can show of them."""

import uuid
from collections.abc import Mapping

from oobctl.lab import ipmi_sensors as sensors
from oobctl.lab.errors import LabRefused
from oobctl.lab.plan import Identity, Model

PSU_FAILED, DIMM_ECC, FAN_FAILED = "psu-failed", "dimm-ecc", "fan-failed"
OVER_TEMPERATURE, DRIVE_FAILED = "over-temperature", "drive-failed"
INTRUSION = "intrusion"
BMC_DEAD, BMC_SLOW, BMC_GARBAGE = "bmc-dead", "bmc-slow", "bmc-garbage"
BMC_DROP_ANSWERS, BMC_DROP_REQUESTS = "bmc-drop-answers", "bmc-drop-requests"
BMC_PASSWORD_CHANGED, BMC_NEW_CERTIFICATE = "bmc-password-changed", "bmc-new-certificate"
BMC_OTHER_IDENTITY, BMC_SESSIONS_FULL = "bmc-other-identity", "bmc-sessions-full"
OS_IGNORES_SHUTDOWN = "os-ignores-shutdown"
FIRMWARE_WANTS_KEY = "firmware-wants-key"

SLOW_SECONDS = 30.0
FAILED_INLET_CELSIUS = 44
HEALTHY_INLET_CELSIUS = sensors.INLET_TEMPERATURE.raw


DESCRIPTIONS: Mapping[str, str] = {
    PSU_FAILED: "power supply 1 has failed",
    DIMM_ECC: "memory module A1 corrects bit errors",
    FAN_FAILED: "fan 1 stands still",
    OVER_TEMPERATURE: f"the inlet air is {FAILED_INLET_CELSIUS} degrees Celsius warm",
    DRIVE_FAILED: "drive 0 has failed",
    INTRUSION: "the chassis is open",
    BMC_DEAD: "the BMC answers nothing",
    BMC_SLOW: f"the BMC acts at once and answers after {SLOW_SECONDS:.0f} seconds",
    BMC_GARBAGE: "the BMC answers random bytes",
    BMC_DROP_ANSWERS: "commands arrive and act, answers are lost",
    BMC_DROP_REQUESTS: "requests are lost on their way",
    BMC_PASSWORD_CHANGED: "the BMC's password is another one",
    BMC_NEW_CERTIFICATE: "the BMC shows another certificate: refused where a fingerprint is pinned (app01); accepted "
    "where a CA is trusted (db01), because the same CA has signed it",
    BMC_OTHER_IDENTITY: "another server answers behind the address",
    BMC_SESSIONS_FULL: "all of the BMC's sessions are taken",
    OS_IGNORES_SHUTDOWN: "the operating system does not see the ACPI power button",
    FIRMWARE_WANTS_KEY: "the firmware goes into its setup only when its key is pressed, whatever the override says",
}

FAULTS = tuple(DESCRIPTIONS)

# What IPMI cannot show, and why. Redfish shows everything.
_NOT_OVER_IPMI = {BMC_NEW_CERTIFICATE: "IPMI has no certificates"}


def _bit(sensor: sensors.Discrete, bit: int, value: int) -> str:
    return f"sensor_set_bit 0x20 0 {sensor.number} {bit} {value}"


def _value(sensor: sensors.Analog, value: int) -> str:
    return f"sensor_set_value 0x20 0 {sensor.number} {value}"


# ipmi_sim's console: sensor_set_bit MC LUN NUMBER BIT VALUE, sensor_set_value MC LUN NUMBER VALUE; each then takes
# whether an event is to be logged.
_SIMULATOR_COMMANDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # fault: (when injected, when cleared)
    PSU_FAILED: (
        (_bit(sensors.PSU_1, 1, 1), _bit(sensors.REDUNDANCY_STATE, 0, 0), _bit(sensors.REDUNDANCY_STATE, 1, 1)),
        (_bit(sensors.PSU_1, 1, 0), _bit(sensors.REDUNDANCY_STATE, 1, 0), _bit(sensors.REDUNDANCY_STATE, 0, 1)),
    ),
    DIMM_ECC: ((_bit(sensors.DIMM, 0, 1),), (_bit(sensors.DIMM, 0, 0),)),
    FAN_FAILED: ((_value(sensors.FAN_1, 0),), (_value(sensors.FAN_1, sensors.FAN_1.raw),)),
    OVER_TEMPERATURE: (
        (_value(sensors.INLET_TEMPERATURE, FAILED_INLET_CELSIUS),),
        (_value(sensors.INLET_TEMPERATURE, HEALTHY_INLET_CELSIUS),),
    ),
    DRIVE_FAILED: ((_bit(sensors.DRIVE, 1, 1),), (_bit(sensors.DRIVE, 1, 0),)),
    INTRUSION: ((_bit(sensors.INTRUSION, 0, 1),), (_bit(sensors.INTRUSION, 0, 0),)),
}
HARDWARE = frozenset(_SIMULATOR_COMMANDS)


def simulator_commands(fault: str, *, present: bool, event: bool) -> list[str]:
    """What is typed at ipmi_sim's console to show a hardware fault, or its end; `event`: and to log it."""
    commands = _SIMULATOR_COMMANDS[fault][0 if present else 1]
    return [f"{command} {int(event)}" for command in commands]


# Faults that ipmi_sim can only show after a start with another configuration.
RESTARTS_SIMULATOR = frozenset({BMC_PASSWORD_CHANGED, BMC_OTHER_IDENTITY})


def other_identity(identity: Identity) -> Identity:
    """Who answers behind the address instead, over every protocol: nothing of the enrolled server is left."""
    other = str(uuid.uuid5(uuid.UUID(identity.system_uuid), "other"))
    mac = identity.bmc_mac[:-5] + "ff:ff"
    return Identity(system_uuid=other, serial=f"{identity.serial}-OTHER", bmc_mac=mac, nic_mac=identity.nic_mac)


def check(server: str, model: Model, fault: str) -> list[str]:
    """What will not show the fault, as sentences. Raises LabRefused for an unknown fault or when nothing shows it."""
    if fault not in DESCRIPTIONS:
        raise LabRefused(f"There is no fault {fault!r}. Faults: {', '.join(FAULTS)}.")
    if not (model.ipmi and fault in _NOT_OVER_IPMI):
        return []
    reason = f"IPMI does not show it: {_NOT_OVER_IPMI[fault]}."
    if not model.redfish:
        raise LabRefused(f"{server} cannot show {fault}. {reason}")
    return [reason]
