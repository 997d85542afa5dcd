"""The capabilities over Redfish: one module per capability, one HTTP client per BMC."""

from oobctl.drivers.redfish.connection import end_leftover
from oobctl.drivers.redfish.crawl import Bounds, Crawl
from oobctl.drivers.redfish.tls import presented_fingerprint
from oobctl.drivers.redfish.transport import RedfishTransport

__all__ = ["Bounds", "Crawl", "RedfishTransport", "end_leftover", "presented_fingerprint"]
