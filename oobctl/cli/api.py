"""Talking to the REST API: where it is (OOBCTL_URL), who we are (OOBCTL_TOKEN), and its errors as sentences."""

import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

from oobctl.cli import hints
from oobctl.errors import ConfigurationError, OobctlError

_ENDED = {"succeeded", "failed", "cancelled", "needs_attention"}


class ApiRefused(OobctlError):
    """The API said no; the message is its own."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "The API refused."))
        self.code = str(problem.get("code", "refused"))
        self.problem = problem


def call(method: str, path: str, *, body: Any = None, query: dict[str, str] | None = None) -> Any:
    """One request to /api/v1, its answer as JSON (None where it has none).

    Raises ConfigurationError where address or token are missing or nothing answers, ApiRefused for a problem.
    """
    base, token = os.environ.get("OOBCTL_URL", "http://127.0.0.1:8080"), os.environ.get("OOBCTL_TOKEN")
    if not token:
        raise ConfigurationError("Set OOBCTL_TOKEN to a token of yours (and OOBCTL_URL to the panel's address).")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            "OOBCTL_TOKEN has a character that no token has (a line break, a space, an accent). Copy it again."
        )
    try:
        answer = httpx.request(
            method,
            f"{base.rstrip('/')}/api/v1{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise ConfigurationError(f"OOBCTL_URL is no address of a panel: {base!r}. Set http://NAME:PORT.") from error
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"No panel answers at {base} ({type(error).__name__}). Start it with `oobctl up`, or set OOBCTL_URL."
        ) from error
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
    except ValueError:
        problem = {"detail": f"{base} answered {answer.status_code} and no problem JSON; is it an oobctl panel?"}
    raise ApiRefused(problem)


def named(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def ended(job: dict[str, Any]) -> bool:
    """Whether nothing more comes of it."""
    return job["state"] in _ENDED


def follow(
    job: dict[str, Any],
    *,
    say: Callable[[str], None] = print,
    look: Callable[[dict[str, Any]], None] = lambda _job: None,
    pause: float = 0.3,
) -> dict[str, Any]:
    """Say a job's steps as they come, until it ends. Returns the ended job. look: gets the job every `pause` s."""
    shown: set[str] = set()
    while True:
        look(job)
        for step in job["steps"]:
            mark = f"{step['name']} {step['state']}"
            if step["state"] not in {"pending", "skipped"} and mark not in shown:
                shown.add(mark)
                say(f"  {step['name']:<18} {step['state']:<10} {step['detail'] or ''}".rstrip())
        if ended(job):
            say(f"{job['action']} {job['state']}" + (f": {job['outcome']}" if job["outcome"] else ""))
            if job["error"]:
                say(f"{job['error']['message']} [{job['error']['code']}]")
                for line in hints.after(job):
                    say(line)
            return job
        time.sleep(pause)
        job = call("GET", f"/jobs/{job['id']}")
