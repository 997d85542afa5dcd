"""What takes more than one BMC's answer: one file per verb_noun, each with its WORKFLOW, found by its file."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from oobctl.jobs.action import Action


@lru_cache(maxsize=1)
def all_workflows() -> dict[str, Action]:
    """Every workflow by the name of its action."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {module.WORKFLOW.name: module.WORKFLOW for module in modules if hasattr(module, "WORKFLOW")}


def find(name: str) -> Action | None:
    """The workflow of that name; None where there is none."""
    return all_workflows().get(name)
