"""What was last read from each server: taken from its BMC, kept in the store, told to those who may know it."""

from oobctl.readings.keep import forget, keep, keep_all, newest_of_each
from oobctl.readings.take import Report, Taken, counted, read, words

__all__ = ["Report", "Taken", "counted", "forget", "keep", "keep_all", "newest_of_each", "read", "words"]
