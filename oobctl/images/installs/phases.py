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


class Word(StrEnum):
    """What an installer is told to do."""

    GO = "go"
    WAIT = "wait"
    STOP = "stop"
    REBOOT = "reboot"
