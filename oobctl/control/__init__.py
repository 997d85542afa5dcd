"""The only door: what may be asked is checked, recorded and queued here, in one transaction."""

from oobctl.control.door import submit, submit_shown
from oobctl.control.jobs import can_cancel, cancel, cancel_waiting, find_job, jobs, resolve, retry
from oobctl.control.offers import actions, find, offered

__all__ = [
    "actions",
    "can_cancel",
    "cancel",
    "cancel_waiting",
    "find",
    "find_job",
    "jobs",
    "offered",
    "resolve",
    "retry",
    "submit",
    "submit_shown",
]
