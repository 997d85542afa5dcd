"""Images that servers can boot from or see as a drive."""

from oobctl.images.catalogue import Image, all_images, find

__all__ = ["Image", "all_images", "find"]
