"""The names of what is told of servers, with their help: ipmi_exporter's and redfish_exporter's, then our own.

Sources: prometheus-community/ipmi_exporter, collector_*.go; jenningsloy318/redfish_exporter, collector/*_collector.go.
"""

_SEVERITY = "(0=nominal, 1=warning, 2=critical)"
_REDFISH_HEALTH = "1(OK),2(Warning),3(Critical)"

IPMI = {
    "ipmi_up": "'1' if what this collector reads was read lately, '0' otherwise.",
    "ipmi_bmc_info": "Constant metric with value '1' providing details about the BMC.",
    "ipmi_chassis_power_state": "Current power state (1=on, 0=off).",
    "ipmi_dcmi_power_consumption_watts": "Current power consumption in Watts.",
    "ipmi_sel_logs_count": "Current number of log entries in the SEL.",
    "ipmi_temperature_celsius": "Temperature reading in degree Celsius.",
    "ipmi_temperature_state": f"Reported state of a temperature sensor {_SEVERITY}.",
    "ipmi_fan_speed_rpm": "Fan speed in rotations per minute.",
    "ipmi_fan_speed_ratio": "Fan speed as a proportion of the maximum speed.",
    "ipmi_fan_speed_state": f"Reported state of a fan speed sensor {_SEVERITY}.",
    "ipmi_voltage_volts": "Voltage reading in Volts.",
    "ipmi_voltage_state": f"Reported state of a voltage sensor {_SEVERITY}.",
    "ipmi_current_amperes": "Current reading in Amperes.",
    "ipmi_current_state": f"Reported state of a current sensor {_SEVERITY}.",
    "ipmi_power_watts": "Power reading in Watts.",
    "ipmi_power_state": f"Reported state of a power sensor {_SEVERITY}.",
    "ipmi_sensor_value": "Generic data read from a sensor of unknown type, relying on labels for context.",
    "ipmi_sensor_state": f"Indicates the severity of the state reported by a sensor {_SEVERITY}.",
}

REDFISH = {
    "redfish_up": "redfish up",
    "redfish_system_power_state": "system power state,1(On),2(Off),3(PoweringOn),4(PoweringOff)",
    "redfish_system_health_state": f"system health,{_REDFISH_HEALTH}",
    "redfish_chassis_temperature_celsius": "celsius of temperature on this chassis component",
    "redfish_chassis_fan_rpm": "fan RPM or percentage on this chassis component",
    "redfish_chassis_fan_health": f"fan health on this chassis component,{_REDFISH_HEALTH}",
    "redfish_chassis_power_voltage_volts": "power voltage volts number of chassis component",
}

OURS = {
    "oobctl_server_info": "What a server is; always 1.",
    "oobctl_bmc_silent": "1 while the server's BMC gives no readings: silent, our password refused, or wrong answers.",
    "oobctl_bmc_silent_seconds": "For how long the server's BMC has given no readings; there while it gives none.",
    "oobctl_reading_age_seconds": "How old the last reading of a capability is, whether it is shown here or not.",
    "oobctl_reading_failed": "1 where the newest try to read a capability failed.",
    "oobctl_health_state": f"Health of the server, rolled up from its parts {_SEVERITY}; NaN where none says anything.",
    "oobctl_parts_not_ok": "Parts of the server whose health is not OK, by their health.",
    "oobctl_power_limit_watts": "The limit that is set on what a meter measures.",
    "oobctl_meter_watts": "What a meter of the server reads.",
    "oobctl_event_log_entries": "Entries in the logs of the server's BMC now, by log and severity.",
    "oobctl_sensors_left_out": "Sensors beyond the number that is told of one server; there where some are left out.",
}

HELP = {**IPMI, **REDFISH, **OURS}
"""Every name of a sample of a server, in the order in which they are told."""
