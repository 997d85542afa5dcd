"""DHCP for servers that start an installer from their network: dnsmasq, kept, and told whom it may answer."""

from oobctl.boot.dhcp.ranges import Served, served
from oobctl.boot.dhcp.service import serve

__all__ = ["Served", "serve", "served"]
