"""Building images of operating systems: one root filesystem, in both forms."""

from oobctl.images.systems.building.build import build

__all__ = ["build"]
