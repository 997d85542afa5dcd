"""Power supplies and fans of a chassis, from the newer subsystems where they list any, else from Power and Thermal."""

from oobctl.drivers.redfish.fields import Resource
from oobctl.drivers.redfish.tree import Member
from oobctl.drivers.redfish.walk import Walk


def power_supplies(walk: Walk, chassis: Resource) -> list[Member]:
    """PowerSubsystem's PowerSupplies (DSP2046, PowerSubsystem), else the entries of Power.PowerSupplies."""
    return newer(walk, chassis, "PowerSubsystem", "PowerSupplies") or older(walk, chassis, "Power", "PowerSupplies")


def fans(walk: Walk, chassis: Resource) -> list[Member]:
    """ThermalSubsystem's Fans (DSP2046, ThermalSubsystem), else the entries of Thermal.Fans."""
    return newer(walk, chassis, "ThermalSubsystem", "Fans") or older(walk, chassis, "Thermal", "Fans")


def newer(walk: Walk, chassis: Resource, subsystem: str, collection: str) -> list[Member]:
    """The members of a subsystem's collection; none where another chassis gave the same subsystem before."""
    found = walk.one(chassis, subsystem, "describe its power and cooling")
    if found is None or not walk.first(f"{found.path}/{collection}"):
        return []
    return walk.members(found.resource, collection, "list its power supplies and fans")


def older(walk: Walk, chassis: Resource, resource: str, key: str) -> list[Member]:
    """The entries of a list in Power or Thermal, each with its path; none where another chassis gave them before."""
    found = walk.one(chassis, resource, "describe its power and cooling")
    if found is None or not walk.first(f"{found.path}#/{key}"):
        return []
    return entries(found, key)


def entries(resource: Member, key: str) -> list[Member]:
    """The objects of a resource's list, each with its path (a JSON pointer after #); what is none is left out."""
    listed = resource.resource.get(key)
    numbered = enumerate(listed if isinstance(listed, list) else [])
    return [Member(f"{resource.path}#/{key}/{place}", item) for place, item in numbered if isinstance(item, dict)]
