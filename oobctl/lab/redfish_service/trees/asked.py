"""A request as the service sees it, and what is kept of it for who looks: without any secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request

from oobctl.lab.redfish_service.trees.passwords import Who

_SECRET_HEADERS = frozenset({"authorization", "x-auth-token", "cookie"})
_HIDDEN = "***"


@dataclass
class Asked:
    """One request. path: canonical; sent_path: as it was asked for. body: a JSON object; None where it was no JSON."""

    method: str
    path: str
    sent_path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: dict[str, Any] | None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    who: Who | None = None

    @classmethod
    def of(cls, request: Request, canonical: str) -> "Asked":
        sign_in = request.authorization
        basic = sign_in is not None and sign_in.type == "basic"
        return cls(
            method="GET" if request.method == "HEAD" else request.method,
            path=canonical,
            sent_path=request.path,
            query=request.args.to_dict(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=_object(request.get_data()),
            user=sign_in.username if sign_in is not None and basic else None,
            password=sign_in.password if sign_in is not None and basic else None,
        )

    @property
    def token(self) -> str | None:
        return self.headers.get("x-auth-token")

    @property
    def writes(self) -> bool:
        return self.method not in {"GET", "HEAD"}


@dataclass(frozen=True)
class Recorded:
    """A request that was made. status None: it got no answer. No password and no token is in it."""

    method: str
    path: str
    status: int | None
    headers: Mapping[str, str]
    body: Any

    @classmethod
    def of(cls, asked: Asked, status: int | None) -> "Recorded":
        headers = {name: value for name, value in asked.headers.items() if name not in _SECRET_HEADERS}
        return cls(asked.method, asked.sent_path, status, headers, _without_secrets(asked.body))


def _object(data: bytes) -> dict[str, Any] | None:
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _HIDDEN if "password" in key.lower() and inside is not None else _without_secrets(inside)
            for key, inside in value.items()
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value
