"""The newer resources about power, cooling and sensors: PowerSubsystem, ThermalSubsystem, Sensors (DSP2064)."""

from functools import partial
from typing import Any

import flask

from oobctl.lab.ipmi_config import PSU_WATTS, parts
from oobctl.lab.redfish_service.answers import collection, failure, resource
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import FAN_FULL_SPEED, HEALTHY, Measured, Readings
from oobctl.lab.redfish_service.routes import serve

CHASSIS = "/redfish/v1/Chassis/1"
POWER, THERMAL, SENSORS = f"{CHASSIS}/PowerSubsystem", f"{CHASSIS}/ThermalSubsystem", f"{CHASSIS}/Sensors"
ENVIRONMENT = f"{CHASSIS}/EnvironmentMetrics"
_SUPPLIES, _FANS = f"{POWER}/PowerSupplies", f"{THERMAL}/Fans"
_FIRST_PSU_FRU = 3


class Subsystems:
    """Read-only views of the chassis's readings."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._parts = {part.number: part for part in parts(configuration.server)}
        self._link = link

    def install(self, app: flask.Flask) -> None:
        numbers = (1, 2)
        serve(
            app,
            {
                POWER: self.power,
                _SUPPLIES: lambda: collection(_SUPPLIES, "PowerSupply", [f"{_SUPPLIES}/{n}" for n in numbers]),
                THERMAL: self.thermal,
                _FANS: lambda: collection(_FANS, "Fan", [f"{_FANS}/{n}" for n in numbers]),
                f"{THERMAL}/ThermalMetrics": self.thermal_metrics,
                ENVIRONMENT: self.environment,
                SENSORS: self.sensors,
                **{f"{_SUPPLIES}/{n}": partial(self.supply, n) for n in numbers},
                **{f"{_SUPPLIES}/{n}/Metrics": partial(self.supply_metrics, n) for n in numbers},
                **{f"{_FANS}/{n}": partial(self.fan, n) for n in numbers},
            },
        )
        app.add_url_rule(f"{SENSORS}/<sensor_id>", "lab_sensor", self.sensor)

    # --- power --------------------------------------------------------------------------------------------------

    def power(self) -> dict[str, Any]:
        now = Readings.now(self._link)
        body = resource(POWER, "PowerSubsystem", "v1_1_0", Id="PowerSubsystem", Name="Power Subsystem")
        redundancy = {
            "RedundancyType": "NPlusM",
            "MinNeededInGroup": 1,
            "MaxSupportedInGroup": 2,
            "RedundancyGroup": [{"@odata.id": f"{_SUPPLIES}/{n}"} for n in (1, 2)],
            "Status": now.redundancy_status,
        }
        return body | {
            "CapacityWatts": 2 * PSU_WATTS,
            "PowerSupplies": {"@odata.id": _SUPPLIES},
            "PowerSupplyRedundancy": [redundancy],
            "Status": {"State": "Enabled", "Health": "OK", "HealthRollup": "Critical" if now.psu_lost else "OK"},
        }

    def supply(self, number: int) -> dict[str, Any]:
        part = self._parts[_FIRST_PSU_FRU + number - 1]
        body = resource(f"{_SUPPLIES}/{number}", "PowerSupply", "v1_5_0", Id=str(number), Name=f"PSU{number}")
        return body | {
            "Manufacturer": part.manufacturer,
            "Model": part.name,
            "PartNumber": part.part,
            "SerialNumber": part.serial,
            "FirmwareVersion": "1.07",
            "PowerSupplyType": "AC",
            "PowerCapacityWatts": part.watts,
            "LineInputStatus": "Normal",
            "HotPluggable": True,
            "InputRanges": [{"NominalVoltageType": "AC200To240V", "CapacityWatts": part.watts}],
            "Location": {"PartLocation": {"ServiceLabel": f"PSU {number}", "LocationType": "Bay",
                                          "LocationOrdinalValue": number}},
            "Metrics": {"@odata.id": f"{_SUPPLIES}/{number}/Metrics"},
            "Status": Readings.now(self._link).psu_status(number),
        }  # fmt: skip

    def supply_metrics(self, number: int) -> dict[str, Any]:
        now = Readings.now(self._link)
        path = f"{_SUPPLIES}/{number}/Metrics"
        body = resource(path, "PowerSupplyMetrics", "v1_1_0", Id="Metrics", Name=f"Metrics of PSU{number}")
        return body | {
            "InputPowerWatts": _excerpt(now.power[number]),
            "OutputPowerWatts": {"Reading": round(now.psu_watts[number - 1] * 0.9, 1)},
            "InputVoltage": {"Reading": 230.0},
            "Status": now.psu_status(number),
        }

    # --- cooling ------------------------------------------------------------------------------------------------

    def thermal(self) -> dict[str, Any]:
        body = resource(THERMAL, "ThermalSubsystem", "v1_2_0", Id="ThermalSubsystem", Name="Thermal Subsystem")
        return body | {
            "Fans": {"@odata.id": _FANS},
            "ThermalMetrics": {"@odata.id": f"{THERMAL}/ThermalMetrics"},
            "Status": HEALTHY,
        }

    def fan(self, number: int) -> dict[str, Any]:
        measured = Readings.now(self._link).fans[number - 1]
        rpm = measured.reading or 0
        body = resource(f"{_FANS}/{number}", "Fan", "v1_5_0", Id=str(number), Name=f"Fan{number}")
        speed = {"Reading": round(100 * rpm / FAN_FULL_SPEED), "SpeedRPM": rpm, "DataSourceUri": _sensor(measured)}
        return body | {
            "PhysicalContext": measured.context,
            "HotPluggable": True,
            "SpeedPercent": speed,
            "Location": {"PartLocation": {"ServiceLabel": f"Fan {number}", "LocationType": "Slot",
                                          "LocationOrdinalValue": number}},
            "Status": measured.status,
        }  # fmt: skip

    def thermal_metrics(self) -> dict[str, Any]:
        now = Readings.now(self._link)
        body = resource(
            f"{THERMAL}/ThermalMetrics", "ThermalMetrics", "v1_0_1", Id="ThermalMetrics", Name="Temperatures"
        )
        listed = [
            {**_excerpt(measured), "DeviceName": measured.name, "PhysicalContext": measured.context}
            for measured in now.temperatures
        ]
        return body | {"TemperatureReadingsCelsius": listed}

    def environment(self) -> dict[str, Any]:
        now = Readings.now(self._link)
        body = resource(ENVIRONMENT, "EnvironmentMetrics", "v1_3_0", Id="EnvironmentMetrics", Name="Environment")
        return body | {"PowerWatts": _excerpt(now.power[0]), "TemperatureCelsius": _excerpt(now.temperatures[1])}

    # --- sensors ------------------------------------------------------------------------------------------------

    def sensors(self) -> dict[str, Any]:
        return collection(SENSORS, "Sensor", [_sensor(measured) for measured in Readings.now(self._link).all])

    def sensor(self, sensor_id: str) -> flask.Response:
        for measured in Readings.now(self._link).all:
            if measured.id == sensor_id:
                return flask.jsonify(_describe(measured))
        message = f"The requested resource of type Sensor named {sensor_id} was not found."
        return failure(404, "ResourceNotFound", message, "Sensor", sensor_id)


def _sensor(measured: Measured) -> str:
    return f"{SENSORS}/{measured.id}"


def _excerpt(measured: Measured) -> dict[str, Any]:
    return {"DataSourceUri": _sensor(measured), "Reading": measured.reading}


def _describe(measured: Measured) -> dict[str, Any]:
    body = resource(_sensor(measured), "Sensor", "v1_7_0", Id=measured.id, Name=measured.name)
    body |= {
        "Reading": measured.reading,
        "ReadingType": measured.kind,
        "ReadingUnits": measured.units,
        "PhysicalContext": measured.context,
        "Status": measured.status,
    }
    if measured.limits:
        body["Thresholds"] = {
            name: {"Reading": value, "Activation": "Increasing" if name.startswith("Upper") else "Decreasing"}
            for name, value in measured.limits
        }
    return body
