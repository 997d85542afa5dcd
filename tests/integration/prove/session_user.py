"""A process that uses one BMC again and again, as a monitor, a worker or a gateway does: run by test_sessions.

steady: a monitor that never logs out by itself.
"""

import os
import random
import signal
import sys
import threading
import time

from oobctl.constants import IndicatorLED, SessionPurpose
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.errors import OobctlError


def main(role: str, holder: str, server_id: str, seed: int) -> None:
    """Prints a line for each operation: "ok", or the code of the error."""
    chance = random.Random(seed)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    purpose = SessionPurpose.POLL if role in {"monitor", "steady"} else SessionPurpose.ACT
    bmc: ConnectedBmc | None = None
    try:
        while not stop.is_set():
            if bmc is None:
                bmc = connect(server_id, purpose=purpose, holder=holder, fence=lambda _seconds: None)
            os.write(1, f"{_operate(bmc, role, chance)}\n".encode())
            if role == "worker" or (role != "steady" and chance.random() < 0.02):  # a worker logs out after each job
                bmc.close()
                bmc = None
    finally:
        if bmc is not None:
            bmc.close()


def _operate(bmc: ConnectedBmc, role: str, chance: random.Random) -> str:
    try:
        if role == "worker" and chance.random() < 0.3:
            bmc.chassis.set_indicator(chance.choice([IndicatorLED.LIT, IndicatorLED.OFF]))
        else:
            bmc.power.read()
    except OobctlError as error:
        time.sleep(0.05)
        return error.code
    return "ok"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
