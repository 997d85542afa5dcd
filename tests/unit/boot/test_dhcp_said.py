"""What dnsmasq says, in our log: nobody who only asks can fill it."""

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from oobctl.boot.dhcp.said import Said

WAYS = ("DHCPDISCOVER(br0) {} ignored", "PXE(br0) {} proxy-ignored", "DHCPINFORM(br0) 192.0.2.12 {} ignored")


def levels(*lines: str) -> list[str]:
    said = Said()
    with capture_logs() as logged:
        for line in lines:
            said.take(f"dnsmasq-dhcp[77]: {line}")
    return [entry["log_level"] for entry in logged]


def test_whoever_invents_cards_fills_no_log() -> None:
    cards = [f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(3000)]
    assert len(levels(*(way.format(card) for card in cards for way in WAYS))) < 100


def test_whom_it_answers_is_said_each_time() -> None:
    assert levels(*["DHCPOFFER(br0) 192.0.2.119 52:54:00:aa:bb:01"] * 3) == ["info"] * 3


def test_what_troubles_it_is_a_warning_once() -> None:
    lines = ["no address range available for DHCP request via br0"] * 3
    assert levels(*lines) == ["warning"]
    assert levels("DHCPDISCOVER(br0) 52:54:00:aa:bb:01 no address available") == ["warning"]


@given(line=st.text(max_size=120))
def test_no_line_is_too_odd_for_it(line: str) -> None:
    assert len(levels(line)) == 1
