"""What is seen of a new system besides its own report: its host key over SSH, else the prompt of its serial line."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncssh

from oobctl.errors import JobCancelled, LeaseLost, OobctlError, StoreUnavailable
from oobctl.images.askers import plain
from oobctl.jobs.run import Run
from oobctl.workflows import serial_prompt

_SSH_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """proven: it told its host key or asks for a log-in, and nothing else has its address. words: so, in sentences."""

    proven: bool
    words: str


def seen(run: Run, said: dict[str, Any], chosen: tuple[str, ...]) -> Seen:
    """What was seen; what could not be is evidence. said: its first report; chosen: the addresses that it was given."""
    told = [key["fingerprint"] for key in said.get("host_keys") or ()]
    words = [f"Its SSH host key is {told[0]}." if told else "It told no SSH host key."]
    missing = run.evidence.setdefault("not_confirmed", [])
    answers, another = _over_ssh(told, [*chosen, said.get("address", "")], missing) if told else (None, False)
    if answers is None:
        answers = _at_the_serial_line(run, missing)
    if not missing:
        del run.evidence["not_confirmed"]
    return Seen(bool(answers or (told and not another)), " ".join([*words, *([answers] if answers else [])]))


def _over_ssh(told: list[str], addresses: list[str], missing: list[str]) -> tuple[str | None, bool]:
    """In words where it answers with a key that it told, else None; and whether another key answered.

    Who chose the addresses learns no more of what else is there: neither its key nor how it refuses.
    """
    found, another = "there is no route to the new system from here", False
    for address in dict.fromkeys(addresses):
        try:
            if plain(address).is_loopback:  # it is behind an address translation of this computer's
                continue
            offered = asyncio.run(_offered(address))
        except ValueError:
            continue
        except (OSError, TimeoutError, asyncssh.Error):
            found = f"at {address} it does not answer"
            continue
        if offered in told:
            return f"At {address} SSH answers with it.", False
        found, another = f"at {address} SSH answers with another key: another system has that address", True
    missing.append(f"SSH: {found}")
    return None, another


async def _offered(address: str) -> str:
    """The fingerprint of the host key with which an SSH server there begins. Raises OSError, TimeoutError, Error."""
    async with asyncio.timeout(_SSH_SECONDS):
        key = await asyncssh.get_server_host_key(address, config=None)
    if key is None:
        raise ConnectionError("no host key")
    return str(key.get_fingerprint())


def _at_the_serial_line(run: Run, missing: list[str]) -> str | None:
    try:
        prompt = serial_prompt.seen(run)
    except (LeaseLost, StoreUnavailable, JobCancelled):
        raise
    except OobctlError as error:
        missing.append(f"the log-in at the serial line: {error.message}")
        return None
    run.saw("after", serial_prompt=prompt)
    return f"Its serial line says “{prompt}”."
