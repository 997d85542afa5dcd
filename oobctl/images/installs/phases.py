"""How far an installer is, and what it is told."""

from enum import StrEnum


class Phase(StrEnum):
    """How far an installer is, in the order of its work; the last two are ends."""

    STARTED = "started"
    WRITING = "writing"
    WRITTEN = "written"
    CONFIGURING = "configuring"
    CONFIGURED = "configured"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_after_the_first_byte(self) -> bool:
        return self in {Phase.WRITTEN, Phase.CONFIGURING, Phase.CONFIGURED}

    def is_before(self, other: str | None) -> bool:
        """Whether it comes earlier than that one in an installer's work."""
        order = list(Phase)
        return other is not None and order.index(self) < order.index(Phase(other))


class Word(StrEnum):
    """What an installer is told to do."""

    GO = "go"
    WAIT = "wait"
    REBOOT = "reboot"
