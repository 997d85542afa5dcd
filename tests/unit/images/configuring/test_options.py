"""What a person types is taken, or refused with the reason; nothing of it means anything to a shell."""

import base64
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Options
from tests.reinstalls import SSH_KEY

GOOD = {"host_name": "web01", "ssh_keys": [SSH_KEY]}


def options(**changes: Any) -> Options:
    return Options.model_validate({**GOOD, **changes})


def refused(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        options(**changes)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "Web01", "a b", "a;reboot", "$(x)", "a\nb", "a..b", "ä", "a" * 64, "a." * 127 + "aa"]
)
def test_a_host_name_that_is_none_is_refused(name: str) -> None:
    assert "host name" in refused(host_name=name)


@given(st.text(max_size=80))
def test_a_host_name_that_is_taken_has_harmless_characters_alone(name: str) -> None:
    try:
        taken = options(host_name=name).host_name
    except ValidationError:
        return
    assert set(taken) <= set(string.ascii_lowercase + string.digits + "-.")


def test_an_ssh_key_that_does_not_parse_is_refused() -> None:
    broken = SSH_KEY.replace("AAAAC3", "AAAAC4")
    assert "no SSH public key" in refused(ssh_keys=[broken])
    assert "no SSH public key" in refused(ssh_keys=[f"{SSH_KEY}\n{SSH_KEY}"])
    assert "no SSH public key" in refused(ssh_keys=['command="rm -rf /" ' + SSH_KEY])
    assert options(ssh_keys=[f"  {SSH_KEY}\n"]).ssh_keys == [SSH_KEY]


def test_a_private_key_is_refused_and_said_to_be_one() -> None:
    secret = "-----BEGIN OPENSSH PRIVATE KEY-----"
    assert "private key" in refused(ssh_keys=[secret])


@given(st.binary(max_size=300), st.text(max_size=40))
def test_a_key_of_any_bytes_is_one_line_or_refused(raw: bytes, comment: str) -> None:
    line = f"ssh-ed25519 {base64.b64encode(raw).decode()} {comment}"
    try:
        kept = options(ssh_keys=[line]).ssh_keys[0]
    except ValidationError:
        return
    assert "\n" not in kept
    assert kept.isprintable()


def test_somebody_has_to_be_able_to_log_in() -> None:
    assert "nobody could log in" in refused(ssh_keys=[])
    assert options(ssh_keys=[], root_password=True).root_password


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Europe/Nowhere"), ("time_zone", "../../etc/passwd"), ("locale", "de_DE"), ("locale", "x; id"),
        ("packages", ["nginx;id"]), ("packages", ["-o"]), ("packages", ["openssh-server-"]), ("time_zone", "localtime"),
        ("user_data", "hello"), ("post_install", "rm -rf /"),
        ("post_install", "#!/bin/sh\n\0"), ("user_data", "#cloud-config\n" + "x" * 70_000),
        ("network", {"addresses": ["192.0.2.1/24"]}), ("network", {"macs": ["52:54:00:00:00:01"] * 2}),
        ("network", {"macs": ["nonsense"]}), ("network", {"macs": ["52:54:00:00:00:01"], "gateways": ["192.0.2.1"]}),
        ("network", {"macs": ["52:54:00:00:00:01"], "addresses": ["192.0.2.1"]}), ("extra", 1),
        *(("network", {"macs": ["52:54:00:00:00:01"], "addresses": [address]}) for address in (
            "127.0.0.1/8", "0.0.0.0/0", "224.0.0.5/24", "192.0.2.0/24", "192.0.2.255/24", "::1/64", "ff02::1/64",
        )),
        *(("network", {"macs": ["52:54:00:00:00:01"], "addresses": ["192.0.2.2/24"], "gateways": [gateway]})
          for gateway in ("192.0.2.2", "2001:db8::1", "0.0.0.0", "127.0.0.1")),
    ],
)  # fmt: skip
def test_what_no_system_can_have_is_refused(field: str, value: object) -> None:
    assert refused(**{field: value})


@pytest.mark.parametrize(
    ("address", "gateway"),
    [
        ("192.0.2.1/31", "192.0.2.0"),
        ("192.0.2.9/32", "198.51.100.1"),
        ("2001:db8::/64", "fe80::1"),
        ("fe80::2/64", "fe80::1"),
    ],
)
def test_what_a_server_can_have_is_taken(address: str, gateway: str) -> None:
    asked = {"macs": ["52:54:00:00:00:01"], "addresses": [address], "gateways": [gateway]}
    assert Network.model_validate(asked).gateways == [gateway]


@pytest.mark.parametrize("field", ["addresses", "gateways", "name_servers"])
def test_an_address_with_a_scope_is_refused(field: str) -> None:
    value = "fe80::2%;reboot\nDHCP=yes" + ("/64" if field == "addresses" else "")
    asked = {"macs": ["52:54:00:00:00:01"], "addresses": ["192.0.2.2/24"], field: [value]}
    with pytest.raises(ValidationError, match="scope"):
        Network.model_validate(asked)
