"""For those who watch the panel: /healthz and /readyz."""

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy import func, select

from oobctl import __version__
from oobctl.config import settings
from oobctl.errors import StoreUnavailable
from oobctl.store import Server, database
from web.metrics.controller import processes_alive

blueprint = Blueprint("probes", __name__)

NEEDED = ("worker", "monitor")
USEFUL = ("boot", "gateway")  # without them no image can be inserted and no console opened; all else works


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """The panel and its database are alive."""
    return _answer([_database_check()])


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """And the processes that act: each is named, with what to do where it is missing."""
    checks = [_database_check()]
    if checks[0]["ok"]:
        alive = processes_alive()
        checks += [_process_check(kind, alive.get(kind, 0), needed=kind in NEEDED) for kind in NEEDED + USEFUL]
    return _answer(checks)


def _answer(checks: list[dict[str, Any]]) -> tuple[Response, int]:
    well = all(check["ok"] for check in checks if check.get("needed", True))
    return jsonify({"ok": well, "version": __version__, "checks": checks}), 200 if well else 503


def _database_check() -> dict[str, Any]:
    try:
        with database().read() as session:
            session.scalar(select(func.count()).select_from(Server).where(Server.id == ""))
    except StoreUnavailable as error:
        return {"name": "database", "ok": False, "needed": True, "detail": error.message}
    return {"name": "database", "ok": True, "needed": True, "detail": "answers"}


def _process_check(kind: str, count: int, *, needed: bool) -> dict[str, Any]:
    limit = settings().dead_after_seconds
    missing = f"None was heard of in the last {limit:.0f} s. Start one: oobctl {kind} --site {settings().site}"
    return {"name": kind, "ok": count > 0, "needed": needed, "detail": f"{count} running" if count else missing}
