"""Who an IPMI BMC says it is: a part that it lacks is missing, one that it can't tell just now is asked again."""

from types import SimpleNamespace
from typing import cast

import pytest

from oobctl.drivers.interfaces import Identity
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.bmc import IpmiBmc
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBusy

GET_DEVICE_ID, GET_SYSTEM_GUID, GET_LAN = 0x01, 0x37, 0x02
MAC = bytes((1, 0x52, 0x54, 0, 0, 0, 1))


DEVICE = bytes((0x20, 1, 2, 0x75, 2, 0xBF, 0xA2, 2, 0xF0, 0, 1))  # 674 with bits that are reserved set, product 256


def identity(codes_of: dict[int, int], device: bytes = bytes(11)) -> Identity:
    """What is read of a BMC that knows its MAC alone; `codes_of`: completion codes of other commands."""

    def exchange(_netfn: int, command: int, _data: bytes = b"", *, what: str) -> Answer:
        if command == GET_LAN:
            return Answer(0, MAC)
        return Answer(codes_of.get(command, 0xC1), b"")

    def read(_netfn: int, command: int, _data: bytes = b"", *, what: str) -> bytes:
        return device if command == GET_DEVICE_ID else codes.check(exchange(0, command, what=what), what)

    session = SimpleNamespace(read=read, exchange=exchange)
    return IpmiBmc(cast(IpmiSession, session), lambda _seconds: None).identity()


@pytest.mark.parametrize("code", [0xC0, 0xD1, 0xD2])
def test_a_bmc_that_is_busy_or_starting_is_not_one_without_identity(code: int) -> None:
    with pytest.raises(BmcBusy):
        identity({GET_SYSTEM_GUID: code})


@pytest.mark.parametrize("code", [0xC1, 0xCB, 0xD3, 0xD4])
def test_a_part_that_a_bmc_lacks_is_missing_and_the_rest_is_told(code: int) -> None:
    found = identity({GET_SYSTEM_GUID: code})
    assert (found.system_uuid, found.bmc_mac) == (None, "52:54:00:00:00:01")


def test_the_makers_and_the_products_numbers_are_told() -> None:
    found = identity({}, DEVICE)
    assert (found.ipmi_manufacturer, found.ipmi_product, found.bmc_firmware) == (674, 256, "2.75")


@pytest.mark.parametrize("device", [bytes(11), DEVICE[:6] + b"\xff\xff\xff" + DEVICE[9:], DEVICE[:10], b"", b"\x20"])
def test_a_maker_that_is_not_specified_or_cut_off_is_none(device: bytes) -> None:
    assert identity({}, device).ipmi_manufacturer is None
