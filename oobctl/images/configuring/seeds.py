"""The seed of an image that cloud-init sets up: NoCloud's files. What people bring is their user data, byte for byte.

What was chosen in the form goes in as vendor data, so that user data wins where it says something else. The report of
the first start is a script of its own, because a list of user data replaces one of the same name.
"""

import base64
import json
from typing import Any

import yaml

from oobctl.images.configuring import networks
from oobctl.images.configuring.options import Options
from oobctl.images.configuring.rendering import SEED, File, Home, reporting

_NO_USER_DATA = "#cloud-config\n{}\n"
_DATA_SOURCES = "datasource_list: [NoCloud, None]\n"
_STARTS = "systemctl daemon-reload\nsystemctl enable --now --no-block oobctl-first-boot.service\n"
_LINE = 76


def rendered(options: Options, *, password_hash: str | None, home: Home, job: str) -> dict[str, File]:
    """Every file by its path without the leading slash; as a new instance, whatever was started from it before."""
    about = {"instance-id": job, "local-hostname": options.host_name}
    parts = [
        {"type": "text/cloud-config", "content": yaml.safe_dump(cloud_config(options, password_hash))},
        {"type": "text/x-shellscript", "content": _script(options, home)},
    ]
    found = {
        f"{SEED}/meta-data": File(f"{json.dumps(about)}\n".encode()),
        f"{SEED}/user-data": File((options.user_data or _NO_USER_DATA).encode(), 0o600),
        f"{SEED}/vendor-data": File(f"#cloud-config-archive\n{yaml.safe_dump(parts)}".encode(), 0o600),
        "etc/cloud/cloud.cfg.d/99-oobctl.cfg": File(_DATA_SOURCES.encode()),
    }
    network = networks.cloud_config(options.network)
    if network is not None:
        found[f"{SEED}/network-config"] = File(yaml.safe_dump(network).encode())
    return found


def cloud_config(options: Options, password_hash: str | None) -> dict[str, Any]:
    """What was chosen, in cloud-init's words. Keys and password are root's, and no other user is made."""
    found: dict[str, Any] = {
        "hostname": options.host_name.partition(".")[0],
        "fqdn": options.host_name,
        "manage_etc_hosts": True,
        "users": [{"name": "root"}],
        "disable_root": False,
        "timezone": options.time_zone,
        "locale": options.locale,
    }
    if options.ssh_keys:
        found["ssh_authorized_keys"] = options.ssh_keys
    if options.packages:
        found |= {"package_update": True, "packages": options.packages}
    if password_hash is not None:  # as a list of lines, which old releases of cloud-init read too
        found["chpasswd"] = {"expire": True, "list": [f"root:{password_hash}"]}
    return found


def _script(options: Options, home: Home) -> str:
    """Puts our files there and starts the report. They are in base64: nothing in them means anything to a shell."""
    lines = ["#!/bin/sh", "set -eu", "umask 077", "mkdir -p /etc/oobctl", "chmod 755 /etc/oobctl"]
    for path, file in reporting(home, options.post_install).items():
        text = base64.b64encode(file.content).decode()
        lines += [f"base64 -d >/{path} <<'END'", *(text[at : at + _LINE] for at in range(0, len(text), _LINE)), "END"]
        lines.append(f"chmod {file.mode:o} /{path}")
    return "\n".join(lines) + f"\n{_STARTS}"
