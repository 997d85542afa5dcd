"""Chassis, with its Power and Thermal: healthy readings, changed by the faults that are injected."""

from typing import Any

import flask

from oobctl.lab import faults
from oobctl.lab import ipmi_sensors as sensors
from oobctl.lab.chassis import LED_STATES
from oobctl.lab.ipmi_config import MANUFACTURER, PART, PRODUCT, PSU_WATTS
from oobctl.lab.redfish_service.answers import (
    collection,
    failure,
    json_body,
    nothing,
    resource,
    value_not_in_list,
)
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY, Measured, Readings
from oobctl.lab.redfish_service.subsystems import ENVIRONMENT, POWER, SENSORS, THERMAL
from oobctl.lab.redfish_service.systems import led_of

COLLECTION = "/redfish/v1/Chassis"
PATH = f"{COLLECTION}/1"
_POWER, _THERMAL = f"{PATH}/Power", f"{PATH}/Thermal"


class ChassisResources:
    """The chassis of the one system."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._link = link

    def members(self) -> flask.Response:
        return flask.jsonify(collection(COLLECTION, "Chassis", [PATH]))

    def resource(self, identity: str) -> flask.Response:
        """GET and PATCH of the chassis."""
        if identity != "1":
            return _unknown(identity)
        return self._patch() if flask.request.method == "PATCH" else self._get()

    def _get(self) -> flask.Response:
        view, who = self._link.view(), self._configuration.identity
        health = Readings(view).health
        opened = faults.INTRUSION in view["faults"]
        body = resource(PATH, "Chassis", "v1_14_0", Id="1", Name=self._configuration.server, ChassisType="RackMount")
        body |= {
            "Manufacturer": MANUFACTURER,
            "Model": PRODUCT,
            "PartNumber": PART,
            "SerialNumber": who["serial"],
            "PowerState": view["power_state"],
            "IndicatorLED": view["led"],
            "LocationIndicatorActive": view["led"] != "Off",
            "Status": {"State": "Enabled", "Health": health, "HealthRollup": health},
            "PhysicalSecurity": {
                "IntrusionSensor": "HardwareIntrusion" if opened else "Normal",
                "IntrusionSensorNumber": sensors.INTRUSION.number,
                "IntrusionSensorReArm": "Automatic",
            },
            "Power": {"@odata.id": _POWER},
            "Thermal": {"@odata.id": _THERMAL},
            "PowerSubsystem": {"@odata.id": POWER},
            "ThermalSubsystem": {"@odata.id": THERMAL},
            "EnvironmentMetrics": {"@odata.id": ENVIRONMENT},
            "Sensors": {"@odata.id": SENSORS},
            "Links": {
                "ComputerSystems": [{"@odata.id": "/redfish/v1/Systems/1"}],
                "ManagedBy": [{"@odata.id": "/redfish/v1/Managers/1"}],
                "ManagersInChassis": [{"@odata.id": "/redfish/v1/Managers/1"}],
            },
        }
        return flask.jsonify(body)

    def _patch(self) -> flask.Response:
        led = led_of(json_body())
        if led is None:
            return failure(400, "PropertyMissing", "The request has no property that can be changed.")
        if led not in LED_STATES:
            return value_not_in_list(led, "IndicatorLED")
        self._link.command("identify", led=led)
        return nothing()

    def power(self, identity: str) -> flask.Response:
        """GET Chassis Power: two power supplies, one rail, what is drawn."""
        if identity != "1":
            return _unknown(identity)
        now = Readings.now(self._link)
        body = resource(_POWER, "Power", "v1_6_0", Id="Power", Name="Power")
        body["PowerControl"] = [_member(_POWER, "PowerControl", 0, **_metering(now))]
        body["PowerSupplies"] = [_supply(now, number) for number in (0, 1)]
        body["Voltages"] = [_voltage(number, measured) for number, measured in enumerate(now.voltages)]
        supplies = [{"@odata.id": f"{_POWER}#/PowerSupplies/{number}"} for number in (0, 1)]
        shared = {"Mode": "N+m", "MinNumNeeded": 1, "MaxNumSupported": 2, "RedundancySet": supplies}
        status = now.redundancy_status
        body["Redundancy"] = [_member(_POWER, "Redundancy", 0, Name="PSU Redundancy", Status=status, **shared)]
        return flask.jsonify(body)

    def thermal(self, identity: str) -> flask.Response:
        """GET Chassis Thermal: temperatures and fans."""
        if identity != "1":
            return _unknown(identity)
        now = Readings.now(self._link)
        body = resource(_THERMAL, "Thermal", "v1_6_0", Id="Thermal", Name="Thermal")
        body["Temperatures"] = [_temperature(number, measured) for number, measured in enumerate(now.temperatures)]
        body["Fans"] = [_fan(number, measured) for number, measured in enumerate(now.fans)]
        return flask.jsonify(body)


def _member(parent: str, kind: str, number: int, **members: Any) -> dict[str, Any]:
    return {"@odata.id": f"{parent}#/{kind}/{number}", "MemberId": str(number), **members}


def _metering(now: Readings) -> dict[str, Any]:
    """What is drawn, and the same over the last minutes: the lab's consumption is even."""
    statistics = {"IntervalInMin": 5, "AverageConsumedWatts": now.watts, "MinConsumedWatts": now.watts}
    return {
        "Name": "System Input Power",
        "PowerConsumedWatts": now.watts,
        "PowerCapacityWatts": 2 * PSU_WATTS,
        "PowerMetrics": {**statistics, "MaxConsumedWatts": now.watts},
        "PowerLimit": {"LimitInWatts": None},
        "Status": HEALTHY,
    }


def _supply(now: Readings, number: int) -> dict[str, Any]:
    members = {
        "Name": f"PSU{number + 1}",
        "PowerCapacityWatts": PSU_WATTS,
        "PowerInputWatts": now.psu_watts[number],
        "LineInputVoltage": 230,
        "Status": now.psu_status(number + 1),
    }
    return _member(_POWER, "PowerSupplies", number, **members)


def _voltage(number: int, measured: Measured) -> dict[str, Any]:
    members = {"ReadingVolts": measured.reading, **_limits(measured), "Status": measured.status}
    return _member(_POWER, "Voltages", number, Name=measured.name, PhysicalContext=measured.context, **members)


def _temperature(number: int, measured: Measured) -> dict[str, Any]:
    members = {"ReadingCelsius": measured.reading, **_limits(measured), "Status": measured.status}
    return _member(_THERMAL, "Temperatures", number, Name=measured.name, PhysicalContext=measured.context, **members)


def _fan(number: int, measured: Measured) -> dict[str, Any]:
    members = {"Reading": measured.reading, "ReadingUnits": "RPM", **_limits(measured), "Status": measured.status}
    return _member(_THERMAL, "Fans", number, Name=measured.name, **members)


def _limits(measured: Measured) -> dict[str, float]:
    """By the names of the older resources: LowerThresholdCritical, UpperThresholdNonCritical, ..."""
    words = {"Caution": "NonCritical", "Critical": "Critical"}
    return {
        f"{side}Threshold{words[level]}": value
        for name, value in measured.limits
        for side, level in [(name[:5], name[5:])]
    }


def _unknown(identity: str) -> flask.Response:
    message = f"The requested resource of type Chassis named {identity} was not found."
    return failure(404, "ResourceNotFound", message, "Chassis", identity)
