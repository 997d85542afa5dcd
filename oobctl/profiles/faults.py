"""What is wrong with a profile's content by the closed schema, in words for whoever wrote it."""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match, relevance


def faults(content: Any, schema: Path) -> list[str]:
    """All of them, the most telling first: "media.slots: 3 is not of type 'array'"."""
    errors = sorted(_validator(schema).iter_errors(content), key=relevance, reverse=True)
    found: list[str] = []
    for error in filter(None, (best_match([error]) for error in errors)):
        key = ".".join(str(part) for part in error.absolute_path) or "the file itself"
        found += [f"{key}: {words}" for words in _words(error)]
    return list(dict.fromkeys(found))  # each key that is missing is an error, and all are said in one


def _words(error: ValidationError) -> Iterator[str]:
    schema: Any = error.schema
    content: Any = error.instance
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for name in [name for name in content if name not in known]:
            meant = get_close_matches(str(name), known, 1)
            yield f"{name!r} is not known there{f' (is {meant[0]!r} meant?)' if meant else ''}"
    elif error.validator == "type" and not error.absolute_path:
        yield "it has no keys with values, which begin with name, title and match"
    elif error.validator == "required":
        missing = [name for name in schema["required"] if name not in content]
        hint = ""
        if not error.absolute_path and len(missing) > 1:
            hint = " (with based_on a file says only what differs from another profile)"
        yield f"missing is {', '.join(map(repr, missing))}{hint}"
    else:
        meaning = schema.get("description")
        words = f"{content!r:.80} has not the right form" if error.validator == "pattern" else error.message
        yield f"{words}{f' ({meaning})' if meaning else ''}"


@lru_cache(maxsize=1)
def _validator(schema: Path) -> Draft202012Validator:
    content = json.loads(schema.read_text(encoding="utf-8"))
    return Draft202012Validator(content, format_checker=Draft202012Validator.FORMAT_CHECKER)
