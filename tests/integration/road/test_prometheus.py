"""A real Prometheus scrapes the real panel, with the configuration and the rules that docs/metrics.md gives to copy."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.guard import Guard
from tests.installation import eventually, free_port
from tests.integration.road.conftest import Road, on_sqlite

pytestmark = [
    on_sqlite,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("promtool") is None,
        reason="Prometheus is not installed here (apt-get install prometheus).",
    ),
]
PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
TOKEN = "m3tr1cs-4f1e"
FOREIGN = "ipmi_sel_logs_count"  # ipmi_exporter's name, which promtool does not like


def to_copy(first_key: str) -> dict[str, Any]:
    """The YAML of the page that begins with that key."""
    blocks = [yaml.safe_load(part.partition("```")[0]) for part in PAGE.read_text().split("```yaml\n")[1:]]
    (found,) = [block for block in blocks if first_key in block]
    return dict(found)


@pytest.fixture(scope="module")
def panel(road: Road) -> Road:
    """Web01's sensors are read, and the panel has a metrics token."""
    road.variables["OOBCTL_METRICS_TOKEN"] = TOKEN
    road.start_monitor()
    road.start_panel()
    eventually(lambda: 'ipmi_temperature_celsius{instance="web01"' in metrics(road))
    return road


def metrics(road: Road) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    response = httpx.get(f"{road.url}/metrics", headers=headers, timeout=30, trust_env=False)
    assert response.status_code == 200, response.text[:300]
    return response.text


Ask = Callable[[str], dict[str, float]]


@pytest.fixture
def ask(panel: Road, guard: Guard, tmp_path: Path) -> Iterator[Ask]:
    """Prometheus on loopback, scraping the panel; a query gives its values by instance."""
    configuration = to_copy("scrape_configs")
    (job,) = configuration["scrape_configs"]
    job |= {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{panel.port}"]}],
    }
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    job["authorization"] = {"credentials_file": str(secret)}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(tmp_path / "prometheus.log").open("wb"),
        start_new_session=True,
    )
    guard.end_group(process.pid)

    def asked(query: str) -> dict[str, float]:
        assert process.poll() is None, (tmp_path / "prometheus.log").read_text()[-3000:]
        try:
            answer = httpx.get(f"http://{address}/api/v1/query", params={"query": query}, timeout=10, trust_env=False)
        except httpx.HTTPError:  # it does not listen yet
            return {}
        found = answer.json()["data"]["result"] if answer.is_success else []
        return {row["metric"].get("instance", ""): float(row["value"][1]) for row in found}

    yield asked
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


def test_prometheus_scrapes_the_panel_and_knows_each_server_by_its_name(panel: Road, ask: Ask) -> None:
    eventually(lambda: list(ask("up").values()) == [1.0])
    eventually(lambda: "web01" in ask('ipmi_temperature_celsius{job="oobctl"}'))
    assert 0 < ask("max by (instance) (ipmi_temperature_celsius)")["web01"] < 120
    eventually(lambda: ask("ipmi_chassis_power_state").get("web01") in {0.0, 1.0})
    assert set(ask("oobctl_bmc_silent")) == set(panel.servers)


def test_promtool_has_no_complaint_but_of_a_name_that_is_not_ours(panel: Road) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics(panel), capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert [line for line in complaints if not line.startswith(FOREIGN)] == []


def test_the_rules_to_copy_are_rules(tmp_path: Path, road: Road) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(to_copy("groups")))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rules found" in done.stdout
