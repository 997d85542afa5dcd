"""Trees of Redfish resources: a folder or archive of captured index.json files, or a file written by hand."""

import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from oobctl.lab.errors import LabError

Tree = dict[str, Any]
"""Path (without a slash at its end) -> the resource there, as JSON has it."""

ROOT = "/redfish/v1"
_INDEX = "index.json"


def load(source: Path | str | Mapping[str, Any]) -> Tree:
    """A tree of its own, to be changed. A capture stays as it is; what is written by hand is filled in (`fill`).

    source: a folder or .tar.gz with redfish/v1 somewhere in it, a .yaml or .json file of path -> resource, or such a
    mapping. Raises LabError where there is no tree in it.
    """
    if isinstance(source, Mapping):
        return fill(dict(source))
    path = Path(source)
    try:
        if path.is_dir():
            return _rooted(((name, (path / name).read_bytes()) for name in _names(path)), path)
        if path.suffix in {".yaml", ".yml", ".json"}:
            written = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
            return fill(written) if isinstance(written, dict) else _none_in(path)
        with tarfile.open(path) as archive:
            return _rooted(_members(archive), path)
    except (OSError, ValueError, tarfile.TarError, yaml.YAMLError) as error:
        raise LabError(f"The tree {path} cannot be read: {error}") from error


def _names(folder: Path) -> Iterator[str]:
    return (str(found.relative_to(folder)) for found in sorted(folder.rglob(_INDEX)))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        content = archive.extractfile(member) if PurePosixPath(member.name).name == _INDEX else None
        if content is not None:
            yield member.name, content.read()


def _rooted(files: Iterator[tuple[str, bytes]], path: Path) -> Tree:
    """The files by their path in the service: what stands above the folder `redfish` is the capture's own."""
    read = {PurePosixPath("/", name).parent: json.loads(content) for name, content in files}
    above = [place.parent for place in read if place.name == "redfish"] or [
        place.parent.parent for place in read if str(place).endswith(ROOT)
    ]
    if not above:
        return _none_in(path)
    top = min(above, key=lambda place: len(place.parts))
    return {f"/{place.relative_to(top)}": content for place, content in read.items() if place.is_relative_to(top)}


def _none_in(path: Path) -> Tree:
    raise LabError(f"There is no tree of Redfish resources in {path}.")


def fill(written: Tree) -> Tree:
    """What is written by hand gets what every resource has, and `Collection: Kind` becomes a collection of that kind.

    Its members are the resources right below it, in the order in which they stand.
    """
    written = json.loads(json.dumps(written))  # YAML's anchors share what must change on its own
    tree = {path.rstrip("/"): resource for path, resource in written.items()}
    for path, resource in tree.items():
        kind = resource.pop("Collection", None)
        if kind is not None:
            below = [other for other in tree if other.rpartition("/")[0] == path]
            resource.update(
                {
                    "@odata.type": f"#{kind}Collection.{kind}Collection",
                    "Name": f"{kind} Collection",
                    "Members@odata.count": len(below),
                    "Members": [{"@odata.id": member} for member in below],
                }
            )
        resource.setdefault("@odata.id", path)
        if kind is None and path != "/redfish":
            resource.setdefault("Id", path.rpartition("/")[2])
            resource.setdefault("Name", resource["Id"])
        resource.setdefault("@odata.etag", "")
    return tree
