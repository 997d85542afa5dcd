"""A BMC's own console in its web pages: logged in at as the profile says, and reached through this alone."""

from oobctl.drivers.launch.session import Launched, end_left, open_launch

__all__ = ["Launched", "end_left", "open_launch"]
