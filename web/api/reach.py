"""How a server's BMC is reached, and the end of a server."""

from typing import Any

from pydantic import BaseModel, Field

from oobctl import administer, control
from oobctl.administer import EndpointChange
from web.api.blueprint import ADMINISTRATION, blueprint, plain
from web.api.requests import Closed, ProtocolPath, ServerPath
from web.identity import current_actor


class Reach(BaseModel):
    """job: the id of the enrolment that reads who answers there now; null where nothing moved."""

    job: str | None


class RetireQuery(Closed):
    force: bool = Field(
        default=False, description="Though temporary users stay on its BMC, which nobody can remove afterwards."
    )


@blueprint.put(
    "/servers/<server>/endpoints/<protocol>",
    tags=[ADMINISTRATION],
    summary="Change or add an endpoint",
    responses={200: Reach},
)
def set_endpoint(path: ProtocolPath, body: EndpointChange) -> dict[str, Any]:
    """What is left out stays. A new address needs user and password again, and the server is enrolled again."""
    moved = administer.set_endpoint(current_actor(), path.server, path.protocol, body)
    return plain(Reach(job=_enroll(path.server) if moved else None))


@blueprint.delete(
    "/servers/<server>/endpoints/<protocol>",
    tags=[ADMINISTRATION],
    summary="Remove an endpoint",
    responses={200: Reach},
)
def remove_endpoint(path: ProtocolPath) -> dict[str, Any]:
    """The last one stays. The server is enrolled again: its profile was chosen for both."""
    administer.remove_endpoint(current_actor(), path.server, path.protocol)
    return plain(Reach(job=_enroll(path.server)))


@blueprint.delete("/servers/<server>", tags=[ADMINISTRATION], summary="Retire a server", responses={204: None})
def retire_server(path: ServerPath, query: RetireQuery) -> tuple[str, int]:
    """Nobody's, polled no more, its BMC's passwords deleted, its name free. Its records stay."""
    administer.retire_server(current_actor(), path.server, force=query.force)
    return "", 204


def _enroll(server: str) -> str:
    return control.submit(current_actor(), "server.enroll", server, {}).id
