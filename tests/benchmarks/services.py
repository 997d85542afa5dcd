"""Redfish services over TLS, many in one process: prints where they are, and for each line read, how many GETs came.

python -m tests.benchmarks.services HOW_MANY. It ends when its input ends.
"""

import json
import sys
import threading

from oobctl.lab.redfish_service.trees.server import TreeServer
from tests.trees import written

USER = "root"


def main(count: int) -> None:
    tree = written()
    servers = [TreeServer(tree) for _ in range(count)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(5.0,), daemon=True).start()
    keys = ("address", "port", "fingerprint", "user", "password")
    print(json.dumps([{key: getattr(server, key) for key in keys} for server in servers]), flush=True)
    for _ in sys.stdin:
        asked = [request for server in servers for request in server.service.requests]
        print(sum(request.method == "GET" for request in asked), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
