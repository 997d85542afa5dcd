"""An installer is told the network that was chosen, by the key that its medium carries."""

import hashlib

from oobctl.images.configuring.networks import Network
from oobctl.images.installs import chosen_networks
from oobctl.store import Install, database
from tests.installation import Installation
from tests.reinstalls import add_image, asked, ready, request


def test_the_key_of_a_job_leads_to_its_network_and_another_to_dhcp(sqlite_installation: Installation) -> None:
    add_image()
    chosen = Network(macs=["52:54:00:00:00:01"], addresses=["192.0.2.10/24"])
    job = asked(ready(sqlite_installation), request(network=chosen.model_dump()))
    with database().write() as session:
        session.get_one(Install, job.id).key_hash = hashlib.sha256(b"key").hexdigest()
    assert chosen_networks.of_key("key") == chosen
    assert chosen_networks.of_key("another") == Network()
