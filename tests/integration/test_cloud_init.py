"""What cloud-init itself says of our seeds: the one of a built image reads them, with its own schema and renderers."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from oobctl.config import settings
from oobctl.constants import ImageKind
from oobctl.images import caches
from oobctl.images.configuring import networks, seeds
from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import Home
from oobctl.images.systems import path_of
from oobctl.images.systems.building import cache
from tests.reinstalls import SSH_KEY

pytestmark = pytest.mark.timeout(1800)  # the first test may build the image
MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]
HOME = Home(url="https://192.0.2.1:8443/install", key="a-key", authority="-----BEGIN CERT...\n")
_PYTHON = ("usr/lib/python3/dist-packages/", "etc/cloud/")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the image's root in which its cloud-init is."""
    folder = tmp_path_factory.mktemp("root")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OOBCTL_HOME", str(folder / "home"))
        settings.cache_clear()
        image = cache.take("debian-12", "cloud", caches.systems(), print)
        form = image.form(ImageKind.ROOT_ARCHIVE)
        assert form is not None
        content = subprocess.run(["zstd", "-dc", path_of(image, form)], capture_output=True, check=True).stdout
    settings.cache_clear()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        wanted = [entry for entry in tar if entry.name.removeprefix("./").startswith(_PYTHON)]
        tar.extractall(folder, wanted, filter="tar")
    return folder


def cloud_init(root: Path, *arguments: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(root / _PYTHON[0])}
    command = [sys.executable, "-m", "cloudinit.cmd.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def chosen(**changes: Any) -> Options:
    return Options.model_validate({"host_name": "web01.example.org", "ssh_keys": [SSH_KEY], **changes})


@pytest.mark.parametrize(
    "options",
    [
        chosen(),
        chosen(time_zone="Europe/Berlin", locale="de_DE.UTF-8", packages=["nginx", "libstdc++6"]),
        chosen(ssh_keys=[], root_password=True),
    ],
)
def test_what_was_chosen_is_valid_by_cloud_inits_schema(root: Path, tmp_path: Path, options: Options) -> None:
    hashed = "$6$salt$hash" if options.root_password else None
    file = tmp_path / "config"
    file.write_text(f"#cloud-config\n{yaml.safe_dump(seeds.cloud_config(options, hashed))}")
    assert "Valid cloud-config" in cloud_init(root, "schema", "-c", file)


def rendered(root: Path, folder: Path, network: Network, kind: str, distribution: str) -> dict[str, str]:
    """The network as this renderer of cloud-init's writes it, by the files' names."""
    (folder / "network").write_text(yaml.safe_dump(networks.cloud_config(network)))
    cards = [f"-mnic{number},{mac}" for number, mac in enumerate(network.macs)]
    out = folder / "out"
    cloud_init(root, "devel", "net-convert", "-p", folder / "network", "-k", "yaml", "-d", out, "-D", distribution,
               "-O", kind, *cards)  # fmt: skip
    return {path.name: path.read_text() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("kind", "distribution", "name", "lines"),
    [
        ("networkd", "debian", "10-cloud-init-nic0.network",
         ("MACAddress=52:54:00:00:00:01", "Address=192.0.2.10/24", "Address=2001:db8::10/64", "Gateway=192.0.2.1",
          "Gateway=fe80::1", "DNS=192.0.2.53")),
        ("netplan", "ubuntu", "50-cloud-init.yaml",
         ("- 192.0.2.10/24", "gateway4: 192.0.2.1", "gateway6: fe80::1", "macaddress: '52:54:00:00:00:01'")),
        ("eni", "debian", "50-cloud-init",
         ("address 192.0.2.10/24", "gateway 192.0.2.1", "address 2001:db8::10/64", "gateway fe80::1")),
        ("sysconfig", "centos", "ifcfg-nic0",
         ("HWADDR=52:54:00:00:00:01", "IPADDR=192.0.2.10", "GATEWAY=192.0.2.1", "IPV6_DEFAULTGW=fe80::1")),
    ],
)  # fmt: skip
def test_fixed_addresses_are_understood_by_every_renderer(
    root: Path, tmp_path: Path, kind: str, distribution: str, name: str, lines: tuple[str, ...]
) -> None:
    network = Network(
        macs=MACS[:1], addresses=["192.0.2.10/24", "2001:db8::10/64"], gateways=["192.0.2.1", "fe80::1"],
        name_servers=["192.0.2.53"],
    )  # fmt: skip
    text = [line.strip() for line in rendered(root, tmp_path, network, kind, distribution)[name].splitlines()]
    assert set(lines) <= set(text), text


def test_a_vlan_over_a_bond_is_understood(root: Path, tmp_path: Path) -> None:
    network = Network(macs=MACS, vlan=120, addresses=["192.0.2.10/24"], gateways=["192.0.2.1"])
    found = rendered(root, tmp_path, network, "sysconfig", "centos")
    assert 'BONDING_OPTS="mode=802.3ad xmit_hash_policy=layer3+4 miimon=100 lacp_rate=fast"' in found["ifcfg-bond0"]
    assert "PHYSDEV=bond0" in found["ifcfg-vlan120"]
    assert "IPADDR=192.0.2.10" in found["ifcfg-vlan120"]
