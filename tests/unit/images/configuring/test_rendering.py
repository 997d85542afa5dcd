"""The files of a new system: what was chosen is in them, in no other place, and closed to others where it is secret."""

import io
import subprocess
import tarfile
from importlib.resources import files as resources
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oobctl.images.configuring import networks
from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import File, Home, archive, rendered
from tests.reinstalls import SSH_KEY

HOME = Home(url="https://192.0.2.1:8443/install", key="a-key-for-the-first-boot", authority="-----BEGIN CERT...\n")
HASH = "$6$salt$hash"


def files(password: str | None = None, **chosen: Any) -> dict[str, File]:
    options = Options.model_validate({"host_name": "web01.example.org", "ssh_keys": [SSH_KEY], **chosen})
    return rendered(options, password_hash=password, home=HOME, job="0190")


def test_the_host_is_named() -> None:
    found = files()
    assert found["etc/hostname"].content == b"web01\n"
    assert b"127.0.1.1 web01.example.org web01\n" in found["etc/hosts"].content


def test_keys_are_roots_alone() -> None:
    keys = files()["root/.ssh/authorized_keys"]
    assert (keys.content, keys.mode) == (f"{SSH_KEY}\n".encode(), 0o600)


def test_a_root_password_is_there_as_its_hash_in_a_closed_file() -> None:
    found = files(password=HASH)
    assert (found["etc/oobctl/root-password"].content, found["etc/oobctl/root-password"].mode) == (
        f"root:{HASH}\n".encode(),
        0o600,
    )


def test_a_root_password_is_for_the_console_and_opens_no_ssh() -> None:
    found = files(password=HASH, ssh_keys=[], root_password=True)
    assert [
        path for path, file in found.items() if path.startswith("etc/ssh/") or b"PermitRootLogin" in file.content
    ] == []


def test_the_key_for_the_first_boot_is_closed_to_others_and_nowhere_else() -> None:
    found = files()
    assert found["etc/oobctl/key"].mode == 0o600
    assert [path for path, file in found.items() if HOME.key.encode() in file.content] == ["etc/oobctl/key"]


def test_user_data_is_cloud_inits_seed() -> None:
    found = files(user_data="#cloud-config\nruncmd: [ls]\n")
    assert found["var/lib/cloud/seed/nocloud/user-data"].content == b"#cloud-config\nruncmd: [ls]\n"
    assert b'"instance-id": "0190"' in found["var/lib/cloud/seed/nocloud/meta-data"].content
    assert "etc/oobctl/wants-cloud-init" in found
    assert "etc/oobctl/wants-cloud-init" not in files()


def test_the_archive_has_every_file_as_roots_and_its_folders_closed() -> None:
    found = files(password=HASH, post_install="#!/bin/sh\ntrue\n", packages=["nginx"])
    with tarfile.open(fileobj=io.BytesIO(archive(found))) as tar:
        entries = {entry.name: entry for entry in tar.getmembers()}
        assert set(found) <= set(entries)
        assert all((entry.uid, entry.gid) == (0, 0) for entry in entries.values())
        assert entries["root/.ssh"].mode == 0o700
        assert entries["etc/oobctl/post-install"].mode == 0o700
        assert entries["etc/localtime"].linkname == "/usr/share/zoneinfo/UTC"


@given(st.text(max_size=200))
def test_user_data_and_scripts_are_put_there_byte_for_byte(text: str) -> None:
    script = f"#!/bin/sh\n{text}"
    try:
        found = files(post_install=script)
    except ValidationError:
        return
    assert found["etc/oobctl/post-install"].content == script.replace("\r\n", "\n").encode()


def test_our_scripts_are_shell() -> None:
    for name in ("configure.sh", "first-boot.sh"):
        script = resources("oobctl.images.configuring").joinpath("system", name).read_text()
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_dhcp_is_for_every_card_or_the_one_that_was_named() -> None:
    every = networks.files(Network())["etc/systemd/network/20-oobctl.network"].splitlines()
    assert every[:3] == ["[Match]", "Type=ether", "Kind=!*"]  # cards, and nothing that is made on top of them
    named = networks.files(Network(macs=["52-54-00-00-00-01"]))["etc/systemd/network/20-oobctl.network"]
    assert "\nPermanentMACAddress=52:54:00:00:00:01\n" in named
    assert "DHCP=yes" in named


def test_fixed_addresses_of_both_kinds() -> None:
    chosen = Network(
        macs=["52:54:00:00:00:01"], addresses=["192.0.2.10/32", "2001:db8::10/64"],
        gateways=["198.51.100.1", "fe80::1"], name_servers=["192.0.2.53"],
    )  # fmt: skip
    text = networks.files(chosen)["etc/systemd/network/20-oobctl.network"]
    for line in ("DHCP=no", "Address=192.0.2.10/32", "Address=2001:db8::10/64", "Gateway=fe80::1", "DNS=192.0.2.53"):
        assert line in text.splitlines()
    assert text.count("GatewayOnLink=yes") == 2


def test_a_vlan_over_a_bond() -> None:
    chosen = Network(macs=["52:54:00:00:00:01", "52:54:00:00:00:02"], vlan=120, addresses=["192.0.2.10/24"])
    found = {path.rpartition("/")[2]: text for path, text in networks.files(chosen).items()}
    assert "Mode=802.3ad" in found["10-bond0.netdev"]
    assert "\nPermanentMACAddress=52:54:00:00:00:01 52:54:00:00:00:02" in found["10-bond0-cards.network"]
    assert "Id=120" in found["15-vlan120.netdev"]
    assert "Name=bond0" in found["20-oobctl.network"]
    assert "VLAN=vlan120" in found["20-oobctl.network"]
    assert "Address=192.0.2.10/24" in found["25-vlan120.network"]


def test_the_installer_is_told_the_same_network_in_lines() -> None:
    chosen = Network(
        macs=["52-54-00-00-00-01", "52:54:00:00:00:02"], vlan=120, addresses=["192.0.2.10/24", "2001:db8::10/64"],
        gateways=["192.0.2.1"], name_servers=["192.0.2.53"], bond_mode="active-backup",
    )  # fmt: skip
    assert networks.installer_lines(chosen).splitlines() == [
        "mac 52:54:00:00:00:01", "mac 52:54:00:00:00:02", "bond_mode active-backup", "vlan 120",
        "address 192.0.2.10/24", "address 2001:db8::10/64", "gateway 192.0.2.1", "nameserver 192.0.2.53",
    ]  # fmt: skip
    assert networks.installer_lines(Network(name_servers=["192.0.2.53"])) == ""
