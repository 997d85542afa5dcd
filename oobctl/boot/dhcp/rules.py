"""What dnsmasq is told: whom to answer, and which boot file a firmware is given (RFC 4578, RFC 5970)."""

from collections.abc import Iterable
from pathlib import Path

from oobctl.boot.dhcp.ranges import Served
from oobctl.images.installs.network import Armed

_UEFI_PXE, _UEFI_HTTP = (7, 9), (16,)  # architectures of RFC 4578 as IANA lists them: x64 UEFI, x64 UEFI HTTP
LEASE = "1h"


def configuration(served: Served, folder: Path) -> str:
    """dnsmasq's configuration: no DNS, no answer to who is not in `hosts`. Programs lie in folder/tftp."""
    lines = [
        "port=0",
        f"interface={served.interface}",
        "except-interface=lo",
        "bind-interfaces",
        "no-resolv",
        "no-hosts",
        "leasefile-ro",
        "log-facility=-",
        "dhcp-authoritative" if served.proxy is None else "",
        f"dhcp-hostsfile={hosts_file(folder)}",
        "dhcp-ignore=tag:!known",
        *_addresses(served),
        "dhcp-userclass=set:ipxe,iPXE",
        "dhcp-match=set:ipxe,175",
        *(f"dhcp-match=set:efi,option:client-arch,{number}" for number in _UEFI_PXE),
        *(f"dhcp-match=set:http,option:client-arch,{number}" for number in _UEFI_HTTP),
        *_boot_files(served),
        "enable-tftp",
        f"tftp-root={folder / 'tftp'}",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _addresses(served: Served) -> list[str]:
    if served.proxy is not None:
        return [f"dhcp-range={served.proxy.network_address},proxy,{served.proxy.netmask}"]
    router = f",{served.router}" if served.router else ""
    names = f",{','.join(str(one) for one in served.name_servers)}" if served.name_servers else ""
    return [f"dhcp-range={served.first},{served.last},{LEASE}", f"dhcp-option=3{router}", f"dhcp-option=6{names}"]


def _boot_files(served: Served) -> list[str]:
    """BIOS and UEFI fetch iPXE by TFTP, UEFI's HTTP boot from the media service; iPXE the first script."""
    script, http = f"{served.base_url}/boot/boot.ipxe", f"{served.base_url}/boot/ipxe.efi"
    if served.proxy is not None:
        return [
            "dhcp-pxe-vendor=PXEClient,HTTPClient",
            f"dhcp-boot=tag:!ipxe,tag:http,{http}",
            f'pxe-service=tag:ipxe,X86PC,"oobctl",{script}',
            f'pxe-service=tag:ipxe,BC_EFI,"oobctl",{script}',
            f'pxe-service=tag:ipxe,X86-64_EFI,"oobctl",{script}',
            'pxe-service=tag:!ipxe,X86PC,"oobctl",undionly.kpxe',
            'pxe-service=tag:!ipxe,BC_EFI,"oobctl",ipxe.efi',
            'pxe-service=tag:!ipxe,X86-64_EFI,"oobctl",ipxe.efi',
        ]
    return [
        f"dhcp-boot=tag:ipxe,{script}",
        f"dhcp-boot=tag:!ipxe,tag:http,{http}",
        "dhcp-option-force=tag:!ipxe,tag:http,60,HTTPClient",
        "dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi",
        "dhcp-boot=tag:!ipxe,tag:!efi,tag:!http,undionly.kpxe",
    ]


def hosts_file(folder: Path) -> Path:
    return folder / "hosts"


def hosts(armed: Iterable[Armed]) -> str:
    """A line a card: whoever is not in it is not answered."""
    macs = {mac for one in armed for mac in one.macs}
    return "".join(f"{mac}\n" for mac in sorted(macs))
