"""The only door: what may be asked is checked, recorded and queued here, in one transaction."""

from oobctl.consoles.admission import token_in_browser
from oobctl.constants import REINSTALL
from oobctl.control.boot_scripts import (
    add_boot_script,
    boot_script_names,
    boot_scripts,
    find_boot_script,
    remove_boot_script,
)
from oobctl.control.consoles import (
    OpenedConsole,
    end_console,
    find_console,
    gateways,
    launch_urls,
    open_console,
    open_consoles,
    reopen,
    screen_kind,
    why_not_open,
)
from oobctl.control.door import submit, submit_shown
from oobctl.control.jobs import can_cancel, cancel, cancel_waiting, find_job, jobs, resolve, retry
from oobctl.control.offers import actions, find, offered
from oobctl.control.plans import Choices, Plan, choices, images_of, plan
from oobctl.control.recordings import (
    Opened,
    find_recording,
    lines_of_job,
    picture_pending,
    pictures_of_job,
    recordings,
    set_serial_log,
    watch,
    watch_log,
)
from oobctl.control.shares import LONGEST_HOURS, end_share, open_shared, share_console, shares
from oobctl.control.ssh_keys import add_ssh_key, remove_ssh_key, ssh_keys

__all__ = [
    "LONGEST_HOURS",
    "REINSTALL",
    "Choices",
    "Opened",
    "OpenedConsole",
    "Plan",
    "actions",
    "add_boot_script",
    "add_ssh_key",
    "boot_script_names",
    "boot_scripts",
    "can_cancel",
    "cancel",
    "cancel_waiting",
    "choices",
    "end_console",
    "end_share",
    "find",
    "find_boot_script",
    "find_console",
    "find_job",
    "find_recording",
    "gateways",
    "images_of",
    "jobs",
    "launch_urls",
    "lines_of_job",
    "offered",
    "open_console",
    "open_consoles",
    "open_shared",
    "picture_pending",
    "pictures_of_job",
    "plan",
    "recordings",
    "remove_boot_script",
    "remove_ssh_key",
    "reopen",
    "resolve",
    "retry",
    "screen_kind",
    "set_serial_log",
    "share_console",
    "shares",
    "ssh_keys",
    "submit",
    "submit_shown",
    "token_in_browser",
    "watch",
    "watch_log",
    "why_not_open",
]
