"""The files that a new system's options become; an installer unpacks them onto its root, and runs `configure` there."""

import io
import json
import stat
import tarfile
from dataclasses import dataclass
from importlib.resources import files as resources

from oobctl.images.configuring import networks
from oobctl.images.configuring.options import Options

_OURS = "etc/oobctl"
SEED = "var/lib/cloud/seed/nocloud"
_UNIT = "etc/systemd/system/oobctl-first-boot.service"
_CLOUD_INIT = "datasource_list: [NoCloud, None]\npreserve_hostname: true\nnetwork: {config: disabled}\n"


@dataclass(frozen=True)
class Home:
    """Where a new system reports itself: the boot service's address, the key for it, who vouches for it (PEM)."""

    url: str
    key: str
    authority: str


@dataclass(frozen=True)
class File:
    """content: a file's bytes; link: where a symbolic link leads, instead."""

    content: bytes = b""
    mode: int = 0o644
    link: str | None = None


def rendered(options: Options, *, password_hash: str | None, home: Home, job: str) -> dict[str, File]:
    """Every file by its path without the leading slash."""
    short = options.host_name.partition(".")[0]
    names = options.host_name if short == options.host_name else f"{options.host_name} {short}"
    found = {
        "etc/hostname": _text(f"{short}\n"),
        "etc/hosts": _text(f"127.0.0.1 localhost\n127.0.1.1 {names}\n::1 localhost ip6-localhost ip6-loopback\n"),
        "etc/timezone": _text(f"{options.time_zone}\n"),
        "etc/localtime": File(link=f"/usr/share/zoneinfo/{options.time_zone}"),
        "etc/default/locale": _text(f"LANG={options.locale}\n"),
        **{path: _text(text) for path, text in networks.files(options.network).items()},
        **_log_ins(options, password_hash),
        **reporting(home, options.post_install),
        "etc/systemd/system/multi-user.target.wants/oobctl-first-boot.service": File(link=f"/{_UNIT}"),
        f"{_OURS}/configure": File(_resource("configure.sh"), 0o755),
    }
    if options.locale != "C.UTF-8":
        found["etc/locale.gen"] = _text(f"{options.locale} UTF-8\n")
    if options.packages:
        found[f"{_OURS}/packages"] = _text("".join(f"{name}\n" for name in options.packages))
    if options.user_data is not None:
        found |= _cloud_init(options.user_data, options.host_name, job)
    return found


def _log_ins(options: Options, password_hash: str | None) -> dict[str, File]:
    found = {}
    if options.ssh_keys:
        found["root/.ssh/authorized_keys"] = File("".join(f"{key}\n" for key in options.ssh_keys).encode(), 0o600)
    if password_hash is not None:
        found[f"{_OURS}/root-password"] = File(f"root:{password_hash}\n".encode(), 0o600)
    return found


def reporting(home: Home, post_install: str | None) -> dict[str, File]:
    """What runs at the first start: the script that was given, and the report, again until it is heard."""
    found = {
        f"{_OURS}/url": _text(f"{home.url}\n"),
        f"{_OURS}/key": File(home.key.encode(), 0o600),
        f"{_OURS}/ca.pem": _text(home.authority),
        f"{_OURS}/first-boot": File(_resource("first-boot.sh"), 0o700),
        _UNIT: File(_resource("oobctl-first-boot.service")),
    }
    if post_install is not None:
        found[f"{_OURS}/post-install"] = File(post_install.encode(), 0o700)
    return found


def _cloud_init(user_data: str, host_name: str, job: str) -> dict[str, File]:
    about = json.dumps({"instance-id": job, "local-hostname": host_name})
    return {
        f"{SEED}/user-data": File(user_data.encode(), 0o600),
        f"{SEED}/meta-data": _text(f"{about}\n"),
        "etc/cloud/cloud.cfg.d/99-oobctl.cfg": _text(_CLOUD_INIT),
        f"{_OURS}/wants-cloud-init": _text(""),
    }


def _text(content: str) -> File:
    return File(content.encode())


def _resource(name: str) -> bytes:
    return resources("oobctl.images.configuring").joinpath("system", name).read_bytes()


def archive(found: dict[str, File]) -> bytes:
    """A tar of the files, all root's; the folder of SSH keys is closed to others."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, mode in (("root/.ssh", 0o700), (_OURS, 0o755)):
            if any(name.startswith(f"{path}/") for name in found):
                folder = tarfile.TarInfo(path)
                folder.type, folder.mode = tarfile.DIRTYPE, mode
                tar.addfile(folder)
        for path, file in sorted(found.items()):
            entry = tarfile.TarInfo(path)
            entry.mode, entry.uname, entry.gname = file.mode, "root", "root"
            if file.link is not None:
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, file.link, stat.S_IMODE(0o777)
                tar.addfile(entry)
            else:
                entry.size = len(file.content)
                tar.addfile(entry, io.BytesIO(file.content))
    return written.getvalue()
