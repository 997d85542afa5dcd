"""Every name of a metric stands in docs/metrics.md, and nothing stands there that is not told."""

import re
from pathlib import Path

from flask import Flask

from web.metrics.controller import registry
from web.metrics.names import HELP

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_has_all_names_and_no_other(app: Flask) -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    written = {name for line in lines for name in re.findall(r"`((?:ipmi|redfish|oobctl)_\w+)`", line)}
    told = {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in registry.collect()}
    assert written == {*HELP, *told}
