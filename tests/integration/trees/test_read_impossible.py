"""Values that cannot be, in a service whose other values can: one problem each, and nothing of them is OK."""

import pytest

from oobctl.constants import Health
from tests.trees import connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

THERMAL = "/redfish/v1/Chassis/1/Thermal"


def test_an_impossible_value_is_a_problem_of_its_item_and_never_ok() -> None:
    tree = written()
    fans = tree[THERMAL]["Fans"]
    fans[0]["Reading"], fans[1]["Reading"], fans[2]["Reading"] = -1e308, "6050 RPM", 1e32
    with serve(tree) as bmc, connected(bmc) as there:
        report = there.sensors.read()
    found = [sensor for sensor in report.sensors if f"{THERMAL}#/Fans" in sensor.source]
    assert [(sensor.reading, sensor.health) for sensor in found] == [(None, Health.UNKNOWN)] * 3
    for words in ("reads -1e+308 RPM", "reads 6050 RPM, which is no number", "reads 1e+32 %"):
        assert [problem for problem in report.problems if words in problem], report.problems
