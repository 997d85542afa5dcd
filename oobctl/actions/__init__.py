"""What can be asked of a server: one file per noun, each with its ACTIONS; a file is found by its name."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from oobctl.errors import NotFound
from oobctl.jobs.action import Action


@lru_cache(maxsize=1)
def all_actions() -> dict[str, Action]:
    """Every action by its name."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {action.name: action for module in modules for action in getattr(module, "ACTIONS", ())}


def find(name: str) -> Action:
    """The action of that name. Raises NotFound, naming those that there are."""
    try:
        return all_actions()[name]
    except KeyError:
        raise NotFound(f"There is no action {name!r}. There are: {', '.join(sorted(all_actions()))}.") from None
