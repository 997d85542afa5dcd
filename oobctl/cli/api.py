"""Talking to the REST API: where it is (OOBCTL_URL), who we are (OOBCTL_TOKEN), and its errors as sentences."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from oobctl.cli import hints
from oobctl.errors import ConfigurationError, InvalidParameter, OobctlError
from oobctl.ids import new_id

_ENDED = {"succeeded", "failed", "cancelled", "needs_attention"}
_AWAY = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
_AGAIN_SECONDS = 300.0  # so long a panel may be away while a job is watched: the job goes on without it
_AGAIN_PAUSES = (1.0, 3.0)

T = TypeVar("T")


class ApiRefused(OobctlError):
    """The API said no; the message is its own. retryable: the panel, or what is behind it, is away."""

    def __init__(self, problem: dict[str, Any], status: int = 0) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "The API refused."))
        self.code = str(problem.get("code", "refused"))
        self.problem = problem
        self.retryable = status in _AWAY


class PanelSilent(ConfigurationError):
    """Nothing answers at the panel's address."""

    retryable = True


def call(
    method: str, path: str, *, body: Any = None, query: dict[str, str] | None = None, key: str | None = None
) -> Any:
    """One request to /api/v1, its answer as JSON (None where it has none). key: Idempotency-Key, for a POST.

    Raises ConfigurationError where address or token are missing, PanelSilent where nothing answers, ApiRefused for a
    problem.
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
            headers={"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key else {})},
            timeout=30,
            trust_env=False,
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise ConfigurationError(f"OOBCTL_URL is no address of a panel: {base!r}. Set http://NAME:PORT.") from error
    except httpx.HTTPError as error:
        raise PanelSilent(
            f"No panel answers at {base} ({type(error).__name__}). Start it with `oobctl up`, or set OOBCTL_URL."
        ) from error
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
    except ValueError:
        problem = {"detail": f"{base} answered {answer.status_code} and no problem JSON; is it an oobctl panel?"}
    raise ApiRefused(problem, answer.status_code)


def begin(path: str, body: Any) -> Any:
    """POST what begins a job. Where its answer is lost it is asked again, with the same key: it is one job.

    Raises as `call`.
    """
    key = new_id()
    return again(lambda: call("POST", path, body=body, key=key))


def again(ask: Callable[[], T]) -> T:
    """What it asks, twice more where no answer comes. Raises as `call`."""
    for pause in _AGAIN_PAUSES:
        try:
            return ask()
        except OobctlError as error:
            if not error.retryable:
                raise
        time.sleep(pause)
    return ask()


def named(name: str) -> str:
    """A name as one part of a path. Raises InvalidParameter where it is empty: the path would be another one."""
    if not name:
        raise InvalidParameter("A name is needed here, and it is empty.", field="name")
    return quote(name, safe="")


def ended(job: dict[str, Any]) -> bool:
    """Whether nothing more comes of it."""
    return job["state"] in _ENDED


def patiently(ask: Callable[[], T], say: Callable[[str], None] = print) -> T:
    """What it asks, again while the panel is away, for some minutes: jobs go on without it. Raises as `call`."""
    since, said = time.monotonic(), False
    while True:
        try:
            return ask()
        except OobctlError as error:
            if not error.retryable or time.monotonic() - since > _AGAIN_SECONDS:
                raise
        if not said:
            say("  The panel does not answer. What has begun goes on without it; asking again.")
            said = True
        time.sleep(1.0)


def follow(
    job: dict[str, Any],
    *,
    say: Callable[[str], None] = print,
    look: Callable[[dict[str, Any]], None] = lambda _job: None,
    pause: float = 0.3,
) -> dict[str, Any]:
    """Say a job's steps as they come, until it ends. Returns the ended job. look: gets the job every `pause` s.

    A panel that is away meanwhile is asked again. Raises as `call`.
    """
    shown: set[str] = set()

    def look_again() -> dict[str, Any]:
        look(job)
        return call("GET", f"/jobs/{job['id']}")  # type: ignore[no-any-return]

    while True:
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
            patiently(partial(look, job), say)
            return job
        time.sleep(pause)
        job = patiently(look_again, say)
