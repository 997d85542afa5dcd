"""How the tables of captured trees are printed: what a tree holds beside what was read of it."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from oobctl.config import settings
from oobctl.store import Base, database, use


def lines(rows: Iterable[tuple[str, object, object]], what: int, figure: int) -> Iterator[str]:
    """A heading, and a line for each (what, in the tree, read). what, figure: how wide these columns are."""
    yield f"  {'':{what}}{'tree':>{figure}}{'read':>{figure}}"
    for name, in_tree, read in rows:
        mark = "" if in_tree == read else "   differs"
        yield f"  {name:{what}}{in_tree!s:>{figure}}{read!s:>{figure}}{mark}"


def show(table: Callable[[], Iterable[str]]) -> None:
    """Print a table line by line as it is made; drivers that it asks write to a database that is gone afterwards."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["OOBCTL_HOME"] = home
        settings.cache_clear()
        use(None)
        Path(home, "keys").mkdir(exist_ok=True)
        Base.metadata.create_all(database().engine)
        for line in table():
            print(line, flush=True)
        database().close()
