"""What sensors read over time: kept in three steps of growing length, and read back in steps that a plot can show."""

from oobctl.history.between import History, Line, between
from oobctl.history.keep import METERS, Numbers, What, add

__all__ = ["METERS", "History", "Line", "Numbers", "What", "add", "between"]
