"""Reinstalls: the operating systems that there are, and how an installer goes on."""

from typing import Any

from pydantic import Field

from oobctl import control
from oobctl.store import database
from web import installs
from web.api.blueprint import JOBS, SERVERS, blueprint, plain
from web.api.requests import Closed, JobPath
from web.identity import current_actor
from web.shapes.installs import InstallerShape, SystemImagePage


class ImagesQuery(Closed):
    server: str | None = Field(None, max_length=64, description="What that server can be given, by its id or name.")


class InstallerQuery(Closed):
    after: int = Field(0, ge=0, le=1_000_000, description="Number of the first line wanted: `next` of the last answer.")


@blueprint.get("/images", tags=[SERVERS], summary="Operating systems to install", responses={200: SystemImagePage})
def list_images(query: ImagesQuery) -> dict[str, Any]:
    """Those that your servers can be given now, by name; of all accounts for staff, unless a server is named."""
    found = control.images_of(current_actor(), query.server)
    return plain(SystemImagePage(items=installs.image_shapes(found)))


@blueprint.get("/jobs/<job>/installer", tags=[JOBS], summary="A reinstall's installer", responses={200: InstallerShape})
def get_installer(path: JobPath, query: InstallerQuery) -> dict[str, Any]:
    """How far it is, and the lines of its log from `after` on."""
    with database().read() as session:
        return plain(installs.of_job(session, current_actor(), path.job, after=query.after))
