"""What to type next: the command that mends what stopped a job, for the codes that a command can mend."""

import re
from typing import Any

from oobctl.constants import REINSTALL

_MENDED_BY = {
    "bmc_auth_failed": "Enter the BMC's password again: oobctl server password {server} {protocol} --user NAME",
    "bmc_unreachable": "If it answers elsewhere: oobctl endpoint set {server} {protocol} --address ADDRESS",
    "bmc_timeout": "If it answers elsewhere: oobctl endpoint set {server} {protocol} --address ADDRESS",
    "wrong_server": "If its BMC answers elsewhere: oobctl endpoint set {server} {protocol} --address ADDRESS",
}
_ENROLL = "server.enroll"


def after(job: dict[str, Any]) -> list[str]:
    """Lines to print under a job's error, the last of them a command; none where no command of theirs mends it."""
    if job["error"].get("mended_by_provider"):
        return []
    if job["error"]["code"] == "already_enrolled":
        return _enrolled_as(job["error"].get("staff") or {})
    sentence = _MENDED_BY.get(job["error"]["code"])
    if sentence is None:
        return []
    again = _ENROLL if job["error"]["code"] == "wrong_server" else job["action"]
    protocol = _protocol(job["error"]["message"])
    command = f"oobctl server act {job['server']} {again}"
    if again == REINSTALL:  # what was asked of it is not all kept
        command = f"oobctl reinstall {job['server']}, with the same options"
    elif job.get("parameters"):
        command += ", with the same parameters"
    return [sentence.format(server=job["server"], protocol=protocol), f"Then: {command}"]


def enroll_added(server: str) -> str:
    """How to go on where an earlier `server add` stopped half way."""
    return (
        f"{server} is added already, and not enrolled yet. If its password was refused: oobctl server password "
        f"{server} ipmi (or redfish) --user NAME. Then: oobctl server act {server} {_ENROLL}"
    )


def _enrolled_as(other: dict[str, Any]) -> list[str]:
    """Which server it is already, where the API tells."""
    return [f"It is {other['server']} already: oobctl server show {other['id']}"] if other else []


def _protocol(message: str) -> str:
    found = re.search(r"\b(ipmi|redfish)\b", message, re.IGNORECASE)
    return found[1].lower() if found else "PROTOCOL"
