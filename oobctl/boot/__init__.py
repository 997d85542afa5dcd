"""A site's boot service: BMCs fetch images here, installers their work, and nobody anything else."""

from oobctl.boot.process import run
from oobctl.boot.routes import app

__all__ = ["app", "run"]
