"""The one table of ASGI routes: the dispatcher, the OpenAPI document and the tests read it."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from oobctl.access import Actor, Presented
from web.streams.jobs import job_events

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send, Actor, Presented, dict[str, str]], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """One route. Each needs an actor: there is no open stream. `template` has its parameters in braces."""

    name: str
    method: str
    template: str
    handler: Handler
    tag: str
    summary: str
    description: str
    media_type: str = "text/event-stream"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.template)

    def match(self, path: str) -> dict[str, str] | None:
        """The path's parameters, or None where it is another route's."""
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.template)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


ROUTES: tuple[Route, ...] = (
    Route(
        name="job_events",
        method="GET",
        template="/api/v1/jobs/{job}/events",
        handler=job_events,
        tag="jobs",
        summary="A job as it goes on",
        description="`event: job` with the job as JSON, at once and after each change; its id is the job's `revision`. "
        "`event: end` when the job has ended. A comment every 15 seconds keeps the connection alive. The stream ends "
        "when your access does.",
    ),
)
