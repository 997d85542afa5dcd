"""The entries of one log as its collection lists them, page after page, whatever way a service has to go on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.log_decode import created_text, entry_id
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported

_MOST_PAGES = 2000
_MOST_COUNTED = 10**9
_INLINE = 1  # besides its id and type, an entry that stands in its collection has more than that


@dataclass(frozen=True)
class Listed:
    """One entry as it is listed. created: as the BMC wrote it; None where it is not known, or was not asked for.

    resource: the entry where it stands in its collection; None where its path has to be asked for.
    """

    entry_id: str
    created: str | None
    path: str | None
    resource: Mapping[str, Any] | None


@dataclass(frozen=True)
class Page:
    """One page. count: how many entries there are in all, where the service says so. first: how many come before it.

    problem: what is wrong with it. broken: it could not be read, and nothing after it.
    """

    entries: tuple[Listed, ...]
    count: int | None
    first: int
    problem: str | None = None
    broken: bool = False


def listed(item: Any, bare_strings: bool) -> Listed | None:
    """What one member of a collection is. None where it is nothing."""
    path = link({"it": item}, "it") if bare_strings or not isinstance(item, str) else None
    if isinstance(item, dict) and len(item.keys() - {"@odata.id", "@odata.type"}) > _INLINE:
        number = entry_id(item, path)
        return Listed(number, created_text(item), path, item) if number is not None else None
    number = entry_id({}, path) if path else None
    return Listed(number, None, path, None) if number is not None else None


def pages(tree: Tree, path: str, start: int, bare_strings: bool) -> Iterator[Page]:
    """The pages of a collection from its entry number `start` on ($skip).

    It goes on by nextLink, by an older form of that, or by $skip where the service says that there are more. Raises
    BmcError's subclasses where the first page can't be read; of a later one the page says it.
    """
    following: str | None = f"{path}?$skip={start}" if start else path
    first, told, asked = start, True, set[str]()
    before: tuple[Listed, ...] = ()
    while following is not None and following not in asked and len(asked) < _MOST_PAGES:
        try:
            content = tree.resource(following, "list its log entries")
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            if not asked:
                raise
            yield Page((), None, first, error.message, broken=told)
            return
        asked.add(following)
        page = _page(content, first, bare_strings)
        if before and page.entries[:1] == before[:1]:  # it does not know $skip
            yield Page((), None, first, f"it says that it has {page.count} entries, and gives {first}")
            return
        yield page
        before = page.entries
        members = content.get("Members")
        first += len(members) if isinstance(members, list) else 0
        following = _next_link(content, path)
        told = following is not None
        if not told and page.entries and page.count is not None and page.count > first:
            following = f"{path}?$skip={first}"


def _page(content: Mapping[str, Any], first: int, bare_strings: bool) -> Page:
    members = content.get("Members")
    found = [listed(item, bare_strings) for item in (members if isinstance(members, list) else [])]
    entries = tuple(entry for entry in found if entry is not None)
    damaged = f"{len(found) - len(entries)} of its entries have no id" if len(entries) < len(found) else None
    count = content.get("Members@odata.count")
    known = isinstance(count, int) and not isinstance(count, bool) and 0 <= count < _MOST_COUNTED
    return Page(entries, count if known else None, first, damaged)


def _next_link(content: Mapping[str, Any], path: str) -> str | None:
    """Where the service says that the next page is."""
    told = link(content, "Members@odata.nextLink") or link(content, "@odata.nextLink")
    if told is not None:
        return told
    older = content.get("links")
    page = older.get("NextPage") if isinstance(older, dict) else None
    number = page.get("page") if isinstance(page, dict) else None
    known = isinstance(number, int) and not isinstance(number, bool) and 0 < number < _MOST_COUNTED
    return f"{path}?page={number}" if known else None
