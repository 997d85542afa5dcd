"""The Redfish service's process: `python -m oobctl.lab.redfish_service CONFIGURATION`, started by the supervisor."""

import logging
import sys
from pathlib import Path

from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.https_server import BmcServer
from oobctl.lab.redfish_service.overlay import create_app
from oobctl.lab.redfish_service.rack_link import RackLink


def main(path: Path) -> None:
    """Serve until the supervisor ends this process."""
    logging.basicConfig(level=logging.WARNING)
    configuration = Configuration.load(path)
    link = RackLink(configuration.socket, configuration.server)
    server = BmcServer(configuration, link, create_app(configuration, link))
    configuration.ready.touch()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
