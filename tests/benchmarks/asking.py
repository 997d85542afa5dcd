"""Asking a panel again and again: a browser that is signed in, and how long each answer takes."""

import time
from collections.abc import Callable

import httpx

from tests.installation import Installation

TIMES = 20


def signed_in(installation: Installation) -> httpx.Client:
    """A browser's client of the technician."""
    client = httpx.Client(base_url=installation.url, follow_redirects=True, timeout=30, trust_env=False)
    form = client.get("/").text
    token = form.partition('name="csrf_token" value="')[2].partition('"')[0]
    person = installation.people["technician"]
    client.post("/sign-in", data={"csrf_token": token, "name": person.name, "password": person.password})
    return client


def timed(ask: Callable[[], httpx.Response], expected: str) -> list[float]:
    """Seconds of each answer but the first, every one of which has that text in it."""
    taken = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text[:300]
        assert expected in answer.text
    return taken[1:]
