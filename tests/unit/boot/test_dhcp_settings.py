"""What the settings say of DHCP: taken as people write it, refused with a sentence, never more lines for dnsmasq."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.boot.dhcp import ranges, rules
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.images.installs.network import Armed

GIVEN = {
    "OOBCTL_DHCP_INTERFACE": "lo", "OOBCTL_DHCP_RANGE": "192.0.2.100-192.0.2.120",
    "OOBCTL_TRUSTED_BOOT_NETWORKS": "192.0.2.0/24", "OOBCTL_BOOT_URL": "http://192.0.2.1:8090",
}  # fmt: skip


def served(monkeypatch: pytest.MonkeyPatch, **changes: str) -> ranges.Served | None:
    for name, value in (GIVEN | changes).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        return ranges.served()
    finally:
        settings.cache_clear()


@pytest.fixture(autouse=True)
def dnsmasq() -> None:
    if ranges.program() is None:
        pytest.skip("dnsmasq is not installed")


def test_without_an_interface_dhcp_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, OOBCTL_DHCP_INTERFACE="") is None


def test_a_range_is_given_from_and_a_network_is_only_told_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    gives = served(monkeypatch)
    assert gives is not None
    assert (gives.first, gives.last) == (IPv4Address("192.0.2.100"), IPv4Address("192.0.2.120"))
    tells = served(monkeypatch, OOBCTL_DHCP_RANGE="192.0.2.0/24")
    assert tells is not None
    assert tells.proxy == IPv4Network("192.0.2.0/24")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("OOBCTL_DHCP_INTERFACE", "eth99"),
        ("OOBCTL_DHCP_RANGE", ""),
        ("OOBCTL_DHCP_RANGE", "192.0.2.120-192.0.2.100"),
        ("OOBCTL_DHCP_RANGE", "192.0.2.7/24"),
        ("OOBCTL_DHCP_RANGE", "2001:db8::/64"),
        ("OOBCTL_DHCP_ROUTER", "gateway"),
        ("OOBCTL_DHCP_NAME_SERVERS", "192.0.2.1,2001:db8::1"),
        ("OOBCTL_BOOT_URL", "http://192.0.2.1:8090\ndhcp-script=/bin/sh"),
        ("OOBCTL_BOOT_URL", "https://192.0.2.1:8090"),
        ("OOBCTL_BOOT_URL", "http://127.0.0.1:8090"),
        ("OOBCTL_BOOT_URL", "http://0.0.0.0:8090"),
        ("OOBCTL_BOOT_URL", ""),
        ("OOBCTL_TRUSTED_BOOT_NETWORKS", ""),
    ],
)
def test_what_makes_no_sense_is_refused_naming_the_setting(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        served(monkeypatch, **{setting: value})


@given(mac=st.from_regex(r"\A([0-9a-f]{2}:){5}[0-9a-f]{2}\Z"))
def test_a_line_is_a_card_and_no_more(mac: str) -> None:
    assert rules.hosts([Armed("job", (mac, mac))]) == f"{mac}\n"


def test_nobody_is_answered_who_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("192.0.2.100-192.0.2.120", "192.0.2.0/24"):
        found = served(monkeypatch, OOBCTL_DHCP_RANGE=said)
        assert found is not None
        lines = rules.configuration(found, Path("/nowhere")).splitlines()
        assert {"port=0", "dhcp-ignore=tag:!known", "interface=lo"} <= set(lines)
