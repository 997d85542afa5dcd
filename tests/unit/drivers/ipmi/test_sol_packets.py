"""The packets of a serial line are what the standard says, and no bytes of a BMC break their reader."""

from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi import sol_packets as packets


def test_a_packet_of_the_bmc_is_read_as_the_standard_says() -> None:
    heard = packets.read(bytes((0x03, 0x05, 0x02, 0x40)) + b"login: ")
    assert heard == packets.Heard(3, 5, 2, refused=True, off=False, deactivated=False, data=b"login: ")
    heard = packets.read(bytes((0, 0, 0, 0x30)))
    assert heard == packets.Heard(0, 0, 0, refused=False, off=True, deactivated=True, data=b"")


def test_our_packets_are_what_the_standard_says() -> None:
    assert packets.typed(7, b"ls\r") == b"\x07\x00\x00\x00ls\r"
    assert packets.break_signal(7) == b"\x07\x00\x00\x10"
    assert packets.acknowledgement(3, 200) == b"\x00\x03\xc8\x00"
    assert packets.acknowledgement(3, 300) == b"\x00\x03\xff\x00"


def test_numbers_go_from_one_to_fifteen_and_zero_is_none_of_them() -> None:
    number, seen = 0, []
    for _ in range(16):
        number = packets.after(number)
        seen.append(number)
    assert seen == [*range(1, 16), 1]


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(payload: bytes) -> None:
    heard = packets.read(payload)
    assert (heard is None) == (len(payload) < 4)
    if heard is not None:
        assert heard.data == payload[4:]
        assert max(heard.number, heard.answers) < 16
