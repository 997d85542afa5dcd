"""Which kernel modules go into the ramdisk: those of the list, and what they depend on."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from oobctl.errors import ConfigurationError


def dependencies(modules_dep: str) -> dict[str, list[str]]:
    """What depmod wrote: a module's name (with _ for -) to its path and those of what it depends on."""
    found = {}
    for line in modules_dep.splitlines():
        path, colon, needed = line.partition(":")
        if colon:
            found[name_of(path)] = [path, *needed.split()]
    return found


def builtin(modules_builtin: str) -> set[str]:
    """The names of what is in the kernel itself."""
    return {name_of(path) for path in modules_builtin.split()}


def name_of(path: str) -> str:
    """A module's name: the kernel takes - and _ as the same."""
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def closure(wanted: Iterable[str], known: Mapping[str, list[str]], in_kernel: set[str]) -> list[str]:
    """The paths of the wanted modules and of all that they depend on, once each, sorted.

    Raises ConfigurationError naming those that this kernel does not have.
    """
    names = [name_of(name) for name in wanted]
    unknown = [name for name in names if name not in known and name not in in_kernel]
    if unknown:
        raise ConfigurationError(
            f"The kernel's package has no module {', '.join(unknown)}: see installer/contents.yaml."
        )
    return sorted({path for name in names for path in known.get(name, ())})
