"""A redirect that leads nowhere costs the one resource that it is of: all else is read."""

import flask
import pytest

from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from tests.trees import connected, serve

pytestmark = pytest.mark.usefixtures("sqlite")

THERMAL = "/redfish/v1/Chassis/1/Thermal"


class Redirects(Behaviour):
    """One resource is always somewhere else."""

    def __init__(self, path: str, location: str) -> None:
        super().__init__()
        self.path, self.location = path, location

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.path != self.path:
            return None
        return flask.Response(status=307, headers={"Location": self.location})


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (THERMAL, "redirected us in a circle"),
        ("http://elsewhere.example/redfish/v1/Chassis/1/Thermal", "sent us to http://elsewhere.example"),
        ("https://elsewhere.example/redfish", "sent us to elsewhere.example; we send our token to nobody else"),
        ("ftp://elsewhere.example/x", "sent us to ftp://elsewhere.example"),
        ("https://", "Thermal"),
        ("javascript:alert(1)", "Thermal"),
    ],
)
def test_a_redirect_to_nowhere_is_one_problem_and_the_rest_is_read(location: str, words: str) -> None:
    with serve() as bmc, connected(bmc) as there:
        before = there.sensors.read()
        lost = {sensor.source for sensor in before.sensors if sensor.source.startswith(f"{THERMAL}#")}
        assert lost
        bmc.server.service.behaviours = [Redirects(THERMAL, location)]
        report, health = there.sensors.read(), there.health.read()
        kept = {sensor.source for sensor in before.sensors} - lost
        assert {sensor.source for sensor in report.sensors} >= kept
        for problems in (report.problems, health.problems):
            assert [problem for problem in problems if THERMAL in problem and words in problem], problems
        assert health.known > 0
