"""The commands to a server's power in words, and the state that each one ends in: the same over every protocol."""

from oobctl.constants import PowerState, ResetType

REACHED = {
    ResetType.FORCE_OFF: PowerState.OFF,
    ResetType.ON: PowerState.ON,
    ResetType.GRACEFUL_SHUTDOWN: PowerState.OFF,
}
"""What a repeatable command ends in: a BMC that refuses what is already so has taken it."""

WORDS = {
    ResetType.FORCE_OFF: "switch the power off",
    ResetType.ON: "switch the power on",
    ResetType.GRACEFUL_SHUTDOWN: "ask the operating system to shut down",
    ResetType.FORCE_RESTART: "reset the server",
    ResetType.NMI: "send an NMI",
}
"""Each completes "The BMC was asked to"."""
