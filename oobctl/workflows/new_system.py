"""What is seen of a new system besides its own report: its host key over SSH, else the prompt of its serial line."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncssh

from oobctl.errors import OobctlError
from oobctl.images.askers import plain
from oobctl.jobs.run import Run
from oobctl.workflows import serial_prompt

_SSH_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """proven: more is known than that something had the job's key. words: what, in sentences."""

    proven: bool
    words: str


def seen(run: Run, said: dict[str, Any], chosen: tuple[str, ...]) -> Seen:
    """What was seen; what could not be is evidence. said: its first report; chosen: the addresses that it was given."""
    told = [key["fingerprint"] for key in said.get("host_keys") or ()]
    words = [f"Its SSH host key is {told[0]}." if told else "It told no SSH host key."]
    missing = run.evidence.setdefault("not_confirmed", [])
    answers = _over_ssh(told, [*chosen, said.get("address", "")], missing) if told else None
    if answers is None:
        answers = _at_the_serial_line(run, missing)
    if not missing:
        del run.evidence["not_confirmed"]
    return Seen(bool(told or answers), " ".join([*words, *([answers] if answers else [])]))


def _over_ssh(told: list[str], addresses: list[str], missing: list[str]) -> str | None:
    """In words where it answers with a key that it told; None where there is no way to it, or another key answers."""
    found = "there is no route to the new system from here"
    for address in dict.fromkeys(addresses):
        try:
            if plain(address).is_loopback:  # it is behind an address translation of this computer's
                continue
            offered = asyncio.run(_offered(address))
        except ValueError:
            continue
        except (OSError, TimeoutError, asyncssh.Error) as error:
            found = f"at {address} it does not answer ({type(error).__name__})"
            continue
        if offered in told:
            return f"At {address} SSH answers with it."
        found = f"at {address} SSH answers with another key, {offered}: another system has that address"
    missing.append(f"SSH: {found}")
    return None


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
    except OobctlError as error:
        missing.append(f"the log-in at the serial line: {error.message}")
        return None
    run.saw("after", serial_prompt=prompt)
    return f"Its serial line says “{prompt}”."
