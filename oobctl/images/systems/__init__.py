"""Images of operating systems that servers are reinstalled from."""

from oobctl.images.systems.catalogue import all_systems, find, path_of, remove
from oobctl.images.systems.entry import Form, SystemImage

__all__ = ["Form", "SystemImage", "all_systems", "find", "path_of", "remove"]
