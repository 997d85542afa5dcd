"""Reinstalls beside the same image written by hand with zstd and two boots: one server, and many at once.

By hand is by_hand/reinstall.sh, five Redfish calls, and by_hand/init, `wget | zstd -dc | dd` in the installer's own
kernel and ramdisk: medium in, old system down, disk written, new system up, which is when it shows its prompt on the
serial line and its SSH server greets. It compares no sum, serial number or UUID, speaks http, grows nothing, sets no
name, key or network, and reads nothing back. Nothing of oobctl runs meanwhile.
"""

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.stand import Try, standing
from tests.benchmarks.ways import Controller, by_hand, through_oobctl
from tests.databases import Databases
from tests.guard import Guard

ROUNDS = int(os.environ.get("OOBCTL_BENCH_ROUNDS", "3"))
AT_ONCE = int(os.environ.get("OOBCTL_BENCH_REINSTALLS", "8"))


def test_one_reinstall_beside_one_by_hand(databases: Databases, guard: Guard, tmp_path: Path) -> None:
    hand, ours = [], []
    with standing(["db01"], databases, guard, tmp_path) as stand:
        for _ in range(ROUNDS):
            hand.append(by_hand(stand, tmp_path))
            tried, controller = through_oobctl(stand)
            ours.append(tried)
    report.head(f"One reinstall, click to first boot, median of {ROUNDS} (target: <= 1.1 x by hand)")
    _say("by hand", hand)
    _say("oobctl", ours)
    print("oobctl's last, by steps: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in controller.steps[0]))
    _say_spent(controller)
    _compare(hand, ours)


def test_many_reinstalls_at_once_beside_as_many_by_hand(databases: Databases, guard: Guard, tmp_path: Path) -> None:
    names = [f"db{number:02}" for number in range(1, AT_ONCE + 1)]
    with standing(names, databases, guard, tmp_path) as stand:
        hand = by_hand(stand, tmp_path)
        ours, controller = through_oobctl(stand)
    held, steps = controller.held, controller.steps
    report.head(f"{AT_ONCE} reinstalls at once, until the last has booted (target: <= 1.15 x by hand)")
    _say("by hand", [hand])
    _say("oobctl", [ours])
    longest = {name: max(dict(job)[name] for job in steps) for name, _ in steps[0]}
    print("longest of each step: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in longest.items()))
    _say_spent(controller)
    _compare([hand], [ours])
    each = ", ".join(f"{name} {held.first[name] / 2**20:.0f} -> {held.most[name] / 2**20:.0f}" for name in held.first)
    print(f"memory (PSS) while it serves {AT_ONCE} images: +{held.grown() / 2**20:.0f} MB (target: <= +60); MB: {each}")


def _say(way: str, tries: Sequence[Try]) -> None:
    """The last server's moments, at the median of the tries."""
    words = {
        "powered on": [max(one.powered_on) for one in tries],
        "ramdisk runs": [max(one.started) for one in tries],
        "written": [max(one.written) for one in tries],
        "prompt": [max(one.prompt) for one in tries],
        "prompt and SSH": [max(one.up) for one in tries],
        "first report": [max(one.reported) for one in tries if one.reported],
    }
    found = [f"{name} {statistics.median(seconds):6.1f}" for name, seconds in words.items() if seconds]
    print(f"{way:8} s: {'   '.join(found)}")
    spent = [
        statistics.median(moment) for moment in zip(*(server for one in tries for server in one.spent), strict=True)
    ]
    print(
        f"{'':8} CPU of a virtual server, s: "
        + ", ".join(f"{one:.1f}" for one in spent)
        + " up to ramdisk, written, prompt"
    )


def _say_spent(controller: Controller) -> None:
    each = ", ".join(f"{name} {seconds:.1f}" for name, seconds in controller.spent.items())
    print(f"CPU of oobctl's own processes, s: {each}")


def _compare(hand: Sequence[Try], ours: Sequence[Try]) -> None:
    bare = statistics.median(max(one.up) for one in hand)
    reported = statistics.median(max(one.reported) for one in ours)
    up = statistics.median(max(one.up) for one in ours)
    print(f"first report kept: {reported / bare:.2f} x by hand; prompt and SSH: {up / bare:.2f} x")
