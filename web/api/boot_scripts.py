"""The iPXE scripts that an account keeps here."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from oobctl import control
from oobctl.images.installs.scripts import LONGEST
from oobctl.store import BootScript
from web.api.accounts import created
from web.api.blueprint import BOOT_SCRIPTS, blueprint, plain
from web.api.requests import Closed
from web.identity import current_actor
from web.shapes.installs import BootScriptPage, BootScriptShape


class BootScriptBody(Closed):
    name: str = Field(description="1 to 64 of a-z, 0-9, dot and dash; it begins with a letter.", max_length=128)
    script: str = Field(description="An iPXE script; its first line is #!ipxe.", max_length=2 * LONGEST)


class BootScriptPath(BaseModel):
    script: str = Field(description="The script's id or name.", max_length=64)


@blueprint.get(
    "/boot-scripts", tags=[BOOT_SCRIPTS], summary="Your account's boot scripts", responses={200: BootScriptPage}
)
def list_boot_scripts() -> dict[str, Any]:
    """Without their text."""
    return plain(BootScriptPage(items=[shape(row) for row in control.boot_scripts(current_actor())]))


@blueprint.post("/boot-scripts", tags=[BOOT_SCRIPTS], summary="Keep a boot script", responses={201: BootScriptShape})
def add_boot_script(body: BootScriptBody) -> Response:
    """A kept script is not changed: remove it and add another."""
    return created(shape(control.add_boot_script(current_actor(), body.name, body.script)))


@blueprint.get(
    "/boot-scripts/<script>", tags=[BOOT_SCRIPTS], summary="One, with its text", responses={200: BootScriptShape}
)
def read_boot_script(path: BootScriptPath) -> dict[str, Any]:
    row = control.find_boot_script(current_actor(), path.script)
    return plain(shape(row, row.script))


@blueprint.delete(
    "/boot-scripts/<script>", tags=[BOOT_SCRIPTS], summary="Keep a boot script no more", responses={204: None}
)
def remove_boot_script(path: BootScriptPath) -> tuple[str, int]:
    """A job that was asked to start from it still does."""
    control.remove_boot_script(current_actor(), path.script)
    return "", 204


def shape(row: BootScript, text: str | None = None) -> BootScriptShape:
    return BootScriptShape(
        id=row.id, name=row.name, sha256=row.sha256, lines=row.lines, added_by=row.added_by,
        created_at=row.created_at, script=text,
    )  # fmt: skip
