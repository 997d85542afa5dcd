"""What the door refuses of a reinstall, because it would not become what was chosen."""

import pytest

from oobctl.errors import InvalidParameter
from tests.installation import Installation
from tests.reinstalls import MAC, add_image, asked, ready, request


def test_name_servers_that_cloud_init_would_pass_over_are_refused(sqlite_installation: Installation) -> None:
    add_image("cloudy-1", configured_by="cloud-init")
    server = ready(sqlite_installation)
    with pytest.raises(InvalidParameter, match="for a network card that is named") as caught:
        asked(server, request(image="cloudy-1", network={"name_servers": ["192.0.2.53"]}))
    assert caught.value.details["field"] == "network.macs"
    named = {"name_servers": ["192.0.2.53"], "macs": [MAC]}
    assert asked(server, request(image="cloudy-1", network=named)).id
