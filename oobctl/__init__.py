"""oobctl: an out-of-band server management controller for dedicated-server hosters."""

__version__ = "0.1.0"
