"""Puts resources into the app: those that are only read, and a refusal of what cannot be done to them."""

from collections.abc import Callable, Mapping
from typing import Any

import flask

Make = Callable[[], dict[str, Any]]


def serve(app: flask.Flask, resources: Mapping[str, Make]) -> None:
    """Answer GET at each path with what its function makes."""
    for path, make in resources.items():
        app.add_url_rule(path, f"lab:{path}", _view(make))


def _view(make: Make) -> Callable[[], flask.Response]:
    return lambda: flask.jsonify(make())
