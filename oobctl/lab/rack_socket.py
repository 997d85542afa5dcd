"""The rack's control socket: one JSON line asks, one line answers."""

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from oobctl.errors import OobctlError
from oobctl.lab.errors import LabError, LabNotRunning, LabRefused

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | str]]

_LONGEST_NAME = 12  # the longest socket name inside the runtime folder
_PATH_LIMIT = 107  # bytes of a unix socket's path
_LINE_LIMIT = 1 << 24


def runtime_folder(folder: Path) -> Path:
    """Where the rack's sockets live: its own folder, or a short one under /tmp when that path is too long.

    Raises LabError when the short folder exists and belongs to somebody else.
    """
    if len(os.fsencode(folder)) + 1 + _LONGEST_NAME <= _PATH_LIMIT:
        return folder
    short = Path("/tmp") / f"oobctl-lab-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"  # noqa: S108
    short.mkdir(mode=0o700, exist_ok=True)
    if short.lstat().st_uid != os.getuid() or short.is_symlink():
        raise LabError(f"{short} belongs to somebody else, so the rack's sockets cannot live there.")
    return short


def socket_path(folder: Path) -> Path:
    return runtime_folder(folder) / "rack.sock"


async def serve(path: Path, handler: Handler) -> asyncio.AbstractServer:
    """Answer requests until closed. A handler's answer is a JSON object, or a plain line for shell scripts."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(await _answer(line, handler) + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the asker went away; what it asked for is done
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(talk, str(path), limit=_LINE_LIMIT)
    path.chmod(0o600)
    return server


async def _answer(line: bytes, handler: Handler) -> bytes:
    try:
        answer = await handler(json.loads(line))
    except OobctlError as error:
        answer = {"error": error.code, "message": error.message}
    except Exception as error:
        answer = {"error": "lab_error", "message": f"The rack failed: {type(error).__name__}: {error}"}
    return answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()


def ask(folder: Path, op: str, *, timeout: float = 60.0, **arguments: Any) -> dict[str, Any]:
    """Ask the rack that runs in `folder`. Raises LabNotRunning, LabRefused or LabError, with the rack's own message."""
    try:
        return ask_at(socket_path(folder), op, timeout=timeout, **arguments)
    except LabNotRunning:
        raise LabNotRunning(f"No rack runs in {folder}. Start one with: oobctl lab up") from None


def ask_at(path: Path, op: str, *, timeout: float = 60.0, **arguments: Any) -> dict[str, Any]:
    """Ask the rack whose control socket is known. Raises as `ask`."""
    request = json.dumps({"op": op, **arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(request)
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except TimeoutError:
        raise LabError(f"The rack did not answer {op} within {timeout:.0f} s.") from None
    except OSError as error:
        raise LabNotRunning(f"No rack answers at {path}: {error.strerror}.") from None
    if not line:
        raise LabNotRunning(f"The rack ended while it was asked for {op}.")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        kind = LabRefused if answer["error"] == LabRefused.code else LabError
        raise kind(answer["message"])
    return answer
