"""A site's catalogue in the store, as its boot service tells of it: what can be asked for, wherever the panel runs."""

from collections.abc import Sequence

import structlog
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from oobctl.config import settings
from oobctl.errors import StoreUnavailable
from oobctl.images.systems import catalogue
from oobctl.images.systems.entry import SystemImage
from oobctl.store import Image, database

log = structlog.get_logger()


class Publisher:
    """Keeps the store in agreement with the catalogue of this computer, for one site."""

    def __init__(self, site_id: str) -> None:
        self._site_id = site_id
        self._published: object = None
        self._why = ""

    def publish(self) -> None:
        """Tell the store, if the catalogue has changed since it was last told. What fails is tried the next time.

        Another boot service of the site may be telling of the same image at this moment, and the folder may be away.
        """
        try:
            state = catalogue.state()
            if state != self._published:
                publish(self._site_id)
                self._published, self._why = state, ""
        except (StoreUnavailable, IntegrityError, OSError) as error:
            why = str(error) if isinstance(error, OSError) else type(error).__name__
            if why != self._why:  # said once, not at each try
                log.warning("the store could not be told which images there are", why=why)
            self._why = why


def publish(site_id: str) -> None:
    """Make the site's images in the store those of this computer's catalogue.

    Raises StoreUnavailable; FileNotFoundError where the catalogue's folder is away and the store knows of images.
    """
    there = {image.name: image.model_dump(mode="json", exclude_none=True) for image in catalogue.all_systems()}
    with database().write() as session:
        known = {row.name: row for row in session.scalars(select(Image).where(Image.site_id == site_id))}
        if known and not settings().systems.is_dir():
            raise FileNotFoundError(f"The folder of images, {settings().systems}, is away. Is its disk mounted?")
        for name, entry in there.items():
            row = known.pop(name, None)
            if row is None:
                session.add(Image(site_id=site_id, name=name, entry=entry))
            elif row.entry != entry:
                row.entry = entry
        for row in known.values():
            session.delete(row)


def of_site(session: Session, site_id: str) -> tuple[SystemImage, ...]:
    """Every image of the site, retired ones too, by name."""
    rows = session.scalars(select(Image).where(Image.site_id == site_id).order_by(Image.name))
    return tuple(image for row in rows if (image := _read(row)) is not None)


def of_sites(session: Session, site_ids: Sequence[str]) -> list[tuple[SystemImage, tuple[str, ...]]]:
    """Every image of these sites with the ids of those that have it, by name.

    What has one name and is not the same at all of them is there more than once.
    """
    found: list[tuple[SystemImage, list[str]]] = []
    rows = session.scalars(select(Image).where(Image.site_id.in_(site_ids)).order_by(Image.name, Image.site_id))
    for row in rows:
        image = _read(row)
        same = next((sites for other, sites in found if other == image), None)
        if same is not None:
            same.append(row.site_id)
        elif image is not None:
            found.append((image, [row.site_id]))
    return [(image, tuple(sites)) for image, sites in found]


def _read(row: Image) -> SystemImage | None:
    try:
        return SystemImage.model_validate(row.entry)
    except ValidationError as error:  # a boot service of another version has written it
        log.warning("an image of an operating system cannot be offered", image=row.name, why=str(error)[:300])
        return None
