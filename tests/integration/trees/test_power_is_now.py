"""The power state that is polled is of now, also at a BMC whose ETags stay while it changes."""

import flask
import pytest

from oobctl.constants import PowerState, SessionPurpose
from oobctl.drivers.redfish import conditional
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from tests.integration.trees.variants import SYSTEM
from tests.trees import connect_to, serve, way

pytestmark = pytest.mark.usefixtures("sqlite")


class Same(Behaviour):
    """The system's ETag is always the same: a BMC may keep it while PowerState changes (DSP0266, section 6.5)."""

    name = "same-etag"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.path == SYSTEM and asked.headers.get("if-none-match") == '"same"':
            return flask.Response(status=304, headers={"ETag": '"same"'})
        if asked.path == SYSTEM:
            answer.headers["ETag"] = '"same"'
        return answer


def test_a_power_state_is_never_what_an_etag_says_it_still_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "_PROOFS", 0)  # the ETags of its sensors were seen to follow
    with serve() as bmc:
        bmc.server.service.behaviours = [*bmc.server.service.behaviours, Same()]
        there = connect_to(way(bmc), purpose=SessionPurpose.POLL)
        for _ in range(6):
            assert there.power.read() is PowerState.ON
        bmc.state.resources.at(SYSTEM)["PowerState"] = "Off"
        assert there.power.read() is PowerState.OFF
        there.close()
