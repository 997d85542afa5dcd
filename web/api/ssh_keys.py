"""The SSH keys that a user keeps here."""

from typing import Any

from flask import Response
from pydantic import Field

from oobctl import control
from oobctl.store import SshKey
from web.api.accounts import created
from web.api.blueprint import SSH_KEYS, blueprint, plain
from web.api.requests import Closed, IdPath
from web.identity import current_actor
from web.shapes.installs import SshKeyPage, SshKeyShape


class SshKeyBody(Closed):
    key: str = Field(description="One line, as in a .pub file.", max_length=8192)
    name: str = Field("", description="Empty: the key's own comment.", max_length=128)


@blueprint.get("/ssh-keys", tags=[SSH_KEYS], summary="Your SSH keys", responses={200: SshKeyPage})
def list_ssh_keys() -> dict[str, Any]:
    """Of the user, or of the one whom the token acts for."""
    return plain(SshKeyPage(items=[shape(row) for row in control.ssh_keys(current_actor())]))


@blueprint.post("/ssh-keys", tags=[SSH_KEYS], summary="Keep an SSH key", responses={201: SshKeyShape})
def add_ssh_key(body: SshKeyBody) -> Response:
    return created(shape(control.add_ssh_key(current_actor(), body.key, body.name)))


@blueprint.delete("/ssh-keys/<id>", tags=[SSH_KEYS], summary="Keep an SSH key no more", responses={204: None})
def remove_ssh_key(path: IdPath) -> tuple[str, int]:
    """Servers that have it keep it."""
    control.remove_ssh_key(current_actor(), path.id)
    return "", 204


def shape(row: SshKey) -> SshKeyShape:
    return SshKeyShape(id=row.id, name=row.name, key=row.key, fingerprint=row.fingerprint, created_at=row.created_at)
