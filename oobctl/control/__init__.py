"""The only door: what may be asked is checked, recorded and queued here, in one transaction."""

from oobctl.control.consoles import (
    OpenedConsole,
    end_console,
    find_console,
    gateways,
    open_console,
    open_consoles,
    reopen,
)
from oobctl.control.door import submit, submit_shown
from oobctl.control.jobs import can_cancel, cancel, cancel_waiting, find_job, jobs, resolve, retry
from oobctl.control.offers import actions, find, offered

__all__ = [
    "OpenedConsole",
    "actions",
    "can_cancel",
    "cancel",
    "cancel_waiting",
    "end_console",
    "find",
    "find_console",
    "find_job",
    "gateways",
    "jobs",
    "offered",
    "open_console",
    "open_consoles",
    "reopen",
    "resolve",
    "retry",
    "submit",
    "submit_shown",
]
