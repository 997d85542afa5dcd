"""The supervisor's process: `python -m oobctl.lab PLAN`, started by `oobctl lab up`; PLAN is JSON without secrets."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oobctl.lab.errors import LabError
from oobctl.lab.plan import Ports, RackPlan
from oobctl.lab.supervisor import Supervisor, rack_lock


def run_supervisor(request: dict[str, Any], tell: Callable[[str, Any], None]) -> None:
    """Hold the lock and run the rack until it is told to stop.

    `tell` hears "progress" with a sentence, and "ready" with the rack's description. Raises LabError.
    """
    plan = RackPlan(
        home=Path(request["home"]),
        net=request["net"],
        servers=request["servers"],
        light=request["light"],
        powered_on=request["powered_on"],
        ports=Ports(ipmi=request["ipmi_port"], redfish=request["redfish_port"]),
    )
    os.umask(0o077)
    with rack_lock(plan.folder):
        supervisor = Supervisor(plan, Path(request["image"]), request["image_key"], kvm=request["kvm"])
        running = supervisor.run(lambda message: tell("progress", message), lambda rack: tell("ready", rack))
        asyncio.run(running)


def _tell(kind: str, value: Any) -> None:
    """Tell the starting process how it goes, in JSON lines; it may be gone, which is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        # The description has passwords: the starting process reads them from rack.json.
        sys.stdout.write(json.dumps({kind: None if kind == "ready" else value}) + "\n")
        sys.stdout.flush()


def main() -> int:
    """Run the rack that the command line describes; the exit code is 1 when it does not start."""
    try:
        run_supervisor(json.loads(sys.argv[1]), _tell)
    except LabError as error:
        _tell("error", error.message)
        return 1
    except OSError as error:
        _tell("error", f"{type(error).__name__}: {error}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
