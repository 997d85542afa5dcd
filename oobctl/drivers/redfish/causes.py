"""Why a request failed: the exceptions that the libraries wrapped into one another, and what they say."""

from typing import Any


def chain_of(error: BaseException) -> list[BaseException]:
    """An exception, its arguments and its causes: the libraries wrap each other's."""
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            todo += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found


def says(chain: list[BaseException], *words: str) -> bool:
    return any(word in f"{type(error).__name__} {error}".lower() for error in chain for word in words)


def innermost(chain: list[BaseException]) -> str:
    """The innermost cause in words, without the libraries' wrapping."""
    for error in reversed(chain):
        words = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
        if words:
            return str(words)
    return type(chain[-1]).__name__
