"""What a new system is taken for by its SSH server, where one answers at the address that was chosen for it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl.constants import Capability
from oobctl.jobs.run import Run
from oobctl.workflows import new_system

TOLD = {"address": "127.0.0.9", "host_keys": [{"fingerprint": "SHA256:its-own"}]}
CHOSEN = ("192.0.2.20",)


def run() -> Any:
    """A job's run at a server without a serial line."""
    profile = SimpleNamespace(transports=dict[Capability, Any]())
    return SimpleNamespace(name="web01", profile=profile, evidence=dict[str, Any]())


def seen(monkeypatch: pytest.MonkeyPatch, offered: str | Exception, said: dict[str, Any] = TOLD) -> tuple[Any, Any]:
    """offered: the fingerprint of who answers at the address, or why nobody does."""
    asked = list[str]()

    async def answer(address: str) -> str:
        asked.append(address)
        if isinstance(offered, Exception):
            raise offered
        return offered

    monkeypatch.setattr(new_system, "_offered", answer)
    here = run()
    found = new_system.seen(cast("Run", here), said, CHOSEN)
    assert asked == (list(CHOSEN) if said.get("host_keys") else [])
    return found, " ".join(here.evidence.get("not_confirmed", []))


def test_a_system_whose_key_answers_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = seen(monkeypatch, "SHA256:its-own")
    assert found.proven
    assert "192.0.2.20 SSH answers with it" in found.words
    assert not missing


def test_a_system_to_which_no_way_leads_is_proven_by_its_own_report(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = seen(monkeypatch, TimeoutError())
    assert found.proven
    assert "does not answer" in missing


def test_a_system_whose_address_another_one_has_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = seen(monkeypatch, "SHA256:of-another")
    assert not found.proven
    assert "another system has that address" in missing


def test_who_chose_the_address_learns_nothing_else_of_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "of-another" not in seen(monkeypatch, "SHA256:of-another")[1]
    assert seen(monkeypatch, ConnectionRefusedError())[1] == seen(monkeypatch, TimeoutError())[1]


def test_a_system_that_tells_no_key_and_shows_no_prompt_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = seen(monkeypatch, TimeoutError(), {"address": "127.0.0.9"})
    assert not found.proven
    assert "serial line" in missing
