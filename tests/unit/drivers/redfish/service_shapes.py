"""Random JSON with the names that logs, BIOS settings, virtual media, accounts and protocols are read by."""

from typing import Any

from hypothesis import strategies as st

from tests.unit.drivers.redfish.shapes import scalars

_NAMES = """
@odata.id @odata.type @odata.etag Id Name Description Members Members@odata.count Members@odata.nextLink links
NextPage page Entries LogEntryType LogPurposes ServiceEnabled Created EventTimestamp Modified Severity EntryCode
EntryType Message MessageId MessageArgs SensorType OemSensorType SensorNumber Links OriginOfCondition Oem Maker
Repaired Resolved Attributes AttributeRegistry @Redfish.Settings SettingsObject SupportedApplyTimes Messages
RegistryEntries Dependencies Dependency MapFrom MapFromAttribute MapToAttribute AttributeName DisplayName HelpText
MenuPath Type Value ValueName ValueDisplayName DefaultValue LowerBound UpperBound ScalarIncrement MinLength MaxLength
ValueExpression ReadOnly Immutable Hidden ResetRequired Location Language Uri extref Registry Actions target
@Redfish.ActionInfo Parameters AllowableValues #VirtualMedia.InsertMedia #LogService.ClearLog #Bios.ResetBios Image
ImageName Inserted ConnectedVia WriteProtected MediaTypes UserName RoleId Enabled Locked AssignedPrivileges Role Roles
Accounts IPMI HTTP Telnet SNMP ProtocolEnabled EnableSNMPv1 EnableSNMPv2c InterfaceEnabled HostInterfaces
NetworkProtocol VirtualMedia LogServices
"""
NAMES = _NAMES.split()
WORDS = ["OK", "Informational", "Repaired", "Assert", "2025-03-01T08:00:00Z", "0000-00-00T00:00:00Z", "Enumeration",
         "Integer", "Password", "en", "/redfish/v1/Systems/1", "//elsewhere", "SEL", "CD", "Administrator", "%1 %2",
         "1", "\ud800", "\x00", "NotConnected", "a.1.0.b", ""]  # fmt: skip

words = scalars | st.sampled_from(WORDS)
anything: st.SearchStrategy[Any] = st.recursive(
    words,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=6),
    max_leaves=30,
)
resources: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(NAMES), anything, max_size=12)
