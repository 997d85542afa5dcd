"""Random JSON with the names that the decoders look for, in every place and of every type."""

from typing import Any

from hypothesis import strategies as st

_NAMES = """
@odata.id Name Id MemberId FanName Status State Health HealthRollup Conditions Message MessageId Reading ReadingUnits
ReadingType ReadingCelsius ReadingVolts ReadingRPM CurrentReading Units PhysicalContext Thresholds UpperCritical
LowerCaution UpperThresholdCritical LowerThresholdNonCritical SpeedPercent SpeedRPM FanSpeedsPercent DataSourceUri
DeviceName TemperatureReadingsCelsius TemperatureSummaryCelsius Intake EnergyJoules EnergykWh PowerWatts RailVoltage
InputVoltage LineInputVoltage PowerInputWatts PowerOutputWatts LastPowerOutputWatts PowerConsumedWatts PowerMetrics
IntervalInMin AverageConsumedWatts MinConsumedWatts MaxConsumedWatts PowerCapacityWatts PowerLimit LimitInWatts SetPoint
SetPointUnits ControlMode Oem Maker SensorValue BayNumber PhysicalLocation Location PartLocation ServiceLabel
LocationType LocationOrdinalValue Info InfoFormat Placement Rack RackOffset Manufacturer Model SerialNumber PartNumber
SKU FirmwareVersion Version Revision BiosVersion CapacityMiB CapacityBytes SizeMB DeviceLocator Socket ChassisType
TotalCores MediaType FailurePredicted Controllers FirmwarePackageVersion MemorySummary TotalSystemMemoryGiB CacheSummary
TotalCacheSizeMiB MACAddress PermanentMACAddress AssociatedMACAddresses RedundancyType RelatedItem
"""
NAMES = _NAMES.split()
WORDS = ["OK", "ok", "Critical", "Absent", "Enabled", "Disabled", "Percent", "RPM", "W", "Temperature", "Bay 3", "NaN",
         "2:1", "Box:Bay", "Component", "02:00:5e:00:53:01", "\x00\n", "To be filled by O.E.M.", ""]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**64, 0])
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=6),
    max_leaves=30,
)
resources: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(NAMES), anything, max_size=12)
