"""A site's gateway: browsers open consoles here; nobody else talks to a BMC's screen or serial line."""

from oobctl.gateway.process import run

__all__ = ["run"]
