"""What a behaviour is: one way in which a BMC differs from its standard, beside any others."""

from typing import ClassVar

import flask

from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.state import State


class Lost(Exception):
    """The answer is lost: the connection is closed in its place."""


class Behaviour:
    """Made once for a service. `number`: how many, or how long, where it has such; given as `name=number`."""

    name: ClassVar[str]
    default: ClassVar[float] = 0

    def __init__(self, number: float | None = None) -> None:
        self.number = self.default if number is None else number

    @property
    def delay(self) -> float:
        """Seconds before each answer."""
        return 0.0

    def prepare(self, state: State) -> None:
        """Change the tree before it is served."""

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        """Answer before anybody is let in; None: go on."""
        return None

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        """Answer one who was let in, in place of the service; None: go on."""
        return None

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        """Change the answer. Raises Lost where there is to be none."""
        return answer
