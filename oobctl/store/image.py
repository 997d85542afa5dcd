"""Images of operating systems, as the boot service of each site has told of its catalogue."""

from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from oobctl.store.base import Base


class Image(Base):
    """One image of a site. The files and their image.yaml lie on the site's computer; entry is what that says."""

    __tablename__ = "image"
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    entry: Mapped[dict[str, Any]]
