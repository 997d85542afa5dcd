"""The capabilities over IPMI 2.0: one module per capability, one thread that owns the library."""

from oobctl.drivers.ipmi.dump import Asked, Dump
from oobctl.drivers.ipmi.serial import IpmiSerial
from oobctl.drivers.ipmi.sol import Sol
from oobctl.drivers.ipmi.transport import IpmiTransport

__all__ = ["Asked", "Dump", "IpmiSerial", "IpmiTransport", "Sol"]
