"""The drivers' rack and rows serve what stands on them."""

from tests.integration.drivers.conftest import _installed, rows

__all__ = ["_installed", "rows"]
