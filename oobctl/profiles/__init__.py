"""Hardware profiles: what a kind of BMC can do, how long to wait for it, and which profile fits one."""

from oobctl.profiles.load import check, find, load_all
from oobctl.profiles.match import Match, Rejected, generic_note, match, said_in
from oobctl.profiles.model import Profile
from oobctl.profiles.quirks import Quirk, QuirkNote

__all__ = [
    "Match",
    "Profile",
    "Quirk",
    "QuirkNote",
    "Rejected",
    "check",
    "find",
    "generic_note",
    "load_all",
    "match",
    "said_in",
]
