"""`oobctl lab tree`: what it prints leads to the service, Ctrl-C ends it, and what it can't serve it says in words."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from oobctl.drivers.redfish import presented_fingerprint
from oobctl.lab.errors import LabError
from oobctl.lab.redfish_service.trees.server import TreeServer
from tests.trees import WRITTEN

OOBCTL = str(Path(sys.executable).with_name("oobctl"))


def test_what_it_prints_leads_to_the_service_until_it_is_interrupted() -> None:
    command = [OOBCTL, "lab", "tree", str(WRITTEN / "plain.yaml"), "--behaviour", "bare-string-members"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, user, password, printed = (process.stdout.readline().strip().removesuffix("/") for _ in range(4))
        address = httpx.URL(url)
        assert printed == f"fingerprint: {presented_fingerprint(address.host, address.port or 443, 5)}"
        pair = (user.removeprefix("user: "), password.removeprefix("password: "))
        with httpx.Client(auth=pair, verify=False) as client:
            assert client.get(f"{url}/Systems").json()["Members"] == ["/redfish/v1/Systems/1"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("tree", "behaviours", "words"),
    [
        (Path("nowhere.yaml"), [], "The tree nowhere.yaml cannot be read"),
        (WRITTEN, [], "There is no tree of Redfish resources in"),
        (WRITTEN / "README.md", [], "cannot be read"),
        (WRITTEN / "plain.yaml", ["rude"], "There is no behaviour 'rude'. There are: "),
        (WRITTEN / "plain.yaml", ["slow=much"], "'much' is no number"),
    ],
)
def test_what_cannot_be_served_is_said_in_words(tree: Path, behaviours: list[str], words: str) -> None:
    with pytest.raises(LabError, match=words):
        TreeServer(tree, behaviours)
