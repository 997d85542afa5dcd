"""A server's screen over RFB (RFC 6143): the way in, which ends where its messages begin."""

from oobctl.drivers.rfb.screen import ScreenConnection, open_screen

__all__ = ["ScreenConnection", "open_screen"]
