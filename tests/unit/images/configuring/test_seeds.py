"""The seed of an image that cloud-init sets up: what was chosen is in it, and nothing of it means anything more."""

import base64
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oobctl.images.configuring import networks, seeds
from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import File, Home
from tests.reinstalls import SSH_KEY

HOME = Home(url="https://192.0.2.1:8443/install", key="a-key-for-the-first-boot", authority="-----BEGIN CERT...\n")
FOLDER = "var/lib/cloud/seed/nocloud"
HASH = "$6$salt$hash"
_SCRIPT_LINE = re.compile(
    r"#!/bin/sh|set -eu|umask 077|mkdir -p /etc/oobctl|END|chmod [0-7]{3} /etc/[a-z./-]+|[A-Za-z0-9+/]+={0,2}"
    r"|base64 -d >/etc/[a-z./-]+ <<'END'|systemctl [a-z -]+(?:oobctl-first-boot\.service)?"
)


def seed(password: str | None = None, **chosen: Any) -> dict[str, File]:
    options = Options.model_validate({"host_name": "web01.example.org", "ssh_keys": [SSH_KEY], **chosen})
    found = seeds.rendered(options, password_hash=password, home=HOME, job="0190")
    return {path.removeprefix(f"{FOLDER}/"): file for path, file in found.items()}


def parts(found: dict[str, File]) -> tuple[dict[str, Any], str]:
    """What cloud-init reads of the vendor data: its settings, and the script."""
    text = found["vendor-data"].content.decode()
    assert text.startswith("#cloud-config-archive\n")
    settings, script = yaml.safe_load(text)
    return yaml.safe_load(settings["content"]), script["content"]


def put(script: str) -> dict[str, bytes]:
    """What the script writes, by path."""
    found = re.findall(r"^base64 -d >/(\S+) <<'END'\n(.*?)^END$", script, re.MULTILINE | re.DOTALL)
    return {path: base64.b64decode(text) for path, text in found}


def test_name_keys_time_zone_locale_and_packages_are_cloud_inits_words() -> None:
    settings, _script = parts(seed(time_zone="Europe/Berlin", locale="de_DE.UTF-8", packages=["nginx"]))
    assert (settings["hostname"], settings["fqdn"]) == ("web01", "web01.example.org")
    assert (settings["ssh_authorized_keys"], settings["disable_root"]) == ([SSH_KEY], False)
    assert (settings["timezone"], settings["locale"], settings["packages"]) == (
        "Europe/Berlin",
        "de_DE.UTF-8",
        ["nginx"],
    )


def test_a_root_password_is_there_as_its_hash_and_has_to_be_changed() -> None:
    settings, _script = parts(seed(password=HASH))
    assert settings["chpasswd"] == {"expire": True, "list": [f"root:{HASH}"]}


def test_a_root_password_is_for_the_console_and_opens_no_ssh() -> None:
    settings, script = parts(seed(password=HASH, ssh_keys=[], root_password=True))
    assert {"ssh_pwauth", "write_files"}.isdisjoint(settings)
    assert [path for path in put(script) if path.startswith("etc/ssh/")] == []


def test_it_is_a_new_instance_and_finds_no_other_data_source() -> None:
    found = seed()
    assert yaml.safe_load(found["meta-data"].content) == {"instance-id": "0190", "local-hostname": "web01.example.org"}
    assert yaml.safe_load(found["etc/cloud/cloud.cfg.d/99-oobctl.cfg"].content)["datasource_list"] == [
        "NoCloud",
        "None",
    ]


def test_files_with_something_secret_are_closed() -> None:
    found = seed(password=HASH, user_data="#cloud-config\n{}\n")
    secret = [path for path, file in found.items() if HASH.encode() in file.content or b"base64" in file.content]
    assert secret == ["vendor-data"]
    assert (found["vendor-data"].mode, found["user-data"].mode) == (0o600, 0o600)


def test_the_report_of_the_first_start_has_its_key_and_who_is_trusted() -> None:
    written = put(parts(seed())[1])
    assert written["etc/oobctl/key"] == HOME.key.encode()
    assert written["etc/oobctl/ca.pem"] == (HOME.authority or "").encode()
    assert b"ExecStart=/etc/oobctl/first-boot" in written["etc/systemd/system/oobctl-first-boot.service"]


@given(st.text(max_size=200))
def test_user_data_is_there_byte_for_byte(text: str) -> None:
    data = f"#cloud-config\n{text}"
    try:
        found = seed(user_data=data)
    except ValidationError:
        return
    assert found["user-data"].content == data.replace("\r\n", "\n").encode()


@given(comment=st.text(max_size=60), post=st.text(max_size=200))
def test_nothing_that_was_typed_is_read_as_yaml_or_by_a_shell(comment: str, post: str) -> None:
    try:
        found = seed(ssh_keys=[f"{SSH_KEY} {comment}: [&x *y ---"], post_install=f"#!/bin/sh\n{post}")
    except ValidationError:
        return
    settings, script = parts(found)
    assert set(settings) == set(parts(seed())[0])
    assert settings["ssh_authorized_keys"] == [f"{SSH_KEY} {comment}: [&x *y ---".strip()]
    assert all(_SCRIPT_LINE.fullmatch(line) for line in script.splitlines())
    assert put(script)["etc/oobctl/post-install"] == f"#!/bin/sh\n{post}".replace("\r\n", "\n").encode()


def test_dhcp_is_left_to_cloud_init_unless_a_card_was_named() -> None:
    assert "network-config" not in seed()
    named = networks.cloud_config(Network(macs=["52:54:00:00:00:01"]))
    assert named == {
        "version": 2,
        "ethernets": {"nic0": {"match": {"macaddress": "52:54:00:00:00:01"}, "set-name": "nic0", "dhcp4": True}},
    }


def test_fixed_addresses_on_a_vlan_over_a_bond() -> None:
    chosen = Network(
        macs=["52:54:00:00:00:01", "52:54:00:00:00:02"], vlan=120, addresses=["192.0.2.10/24"], gateways=["192.0.2.1"],
        name_servers=["192.0.2.53"],
    )  # fmt: skip
    found = networks.cloud_config(chosen)
    assert found is not None
    assert found["bonds"]["bond0"]["interfaces"] == ["nic0", "nic1"]
    assert found["vlans"]["vlan120"] == {
        "id": 120, "link": "bond0", "addresses": ["192.0.2.10/24"], "gateway4": "192.0.2.1",
        "nameservers": {"addresses": ["192.0.2.53"]},
    }  # fmt: skip


@pytest.mark.parametrize(("gateway", "to"), [("198.51.100.1", "0.0.0.0/0"), ("2001:db8:ff::1", "::/0")])
def test_a_gateway_outside_of_the_servers_networks_is_reached_on_the_link(gateway: str, to: str) -> None:
    chosen = Network(macs=["52:54:00:00:00:01"], addresses=["192.0.2.10/32", "2001:db8::10/128"], gateways=[gateway])
    card = (networks.cloud_config(chosen) or {})["ethernets"]["nic0"]
    assert card["routes"] == [{"to": to, "via": gateway, "on-link": True}]
