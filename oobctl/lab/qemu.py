"""How a server's virtual machine is started: QEMU's command line."""

from collections.abc import Sequence
from pathlib import Path

from oobctl.lab.plan import Firmware, ServerPlan

PROGRAM = "qemu-system-x86_64"
MEMORY_MB = 512
SPLASH_MS = 1500  # how long the firmware waits for the setup key, at each boot
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
SERIAL_PORT_BASE = 0x3F8
CD = "cd0"


def control_socket(runtime: Path, plan: ServerPlan) -> Path:
    """QMP's socket; in the short runtime folder, because a socket's path has at most 107 bytes."""
    return runtime / f"{plan.name}.qmp"


def arguments(
    plan: ServerPlan,
    runtime: Path,
    *,
    kvm: bool,
    firmware: Firmware,
    order: Sequence[str],
    medium: Path | None = None,
    boot_file: str | None = None,
) -> list[str]:
    """The command line of a server's QEMU; `medium` is in its CD drive, boot_file is what its DHCP service names.

    Secrets are read from files, none is here.
    """
    return [
        PROGRAM, "-name", plan.name, "-nodefaults", "-no-user-config",
        "-machine", "pc", *processor(kvm), "-m", str(MEMORY_MB), "-smp", "1",
        *_identity(plan), *_firmware(plan, firmware), *_wiring(plan, runtime), *_screen(plan),
        *_devices(plan, order, medium, boot_file),
    ]  # fmt: skip


def processor(kvm: bool) -> list[str]:
    """What a machine computes with: the computer's own processor, or QEMU's, which is some ten times slower."""
    # Without a limit the translation cache of a 512 MB machine grows past 1 GB. A processor that says it moves bytes
    # fast (ERMS, FSRM) has Linux copy them one by one, which takes twice as long here as whole words.
    return ["-accel", "kvm", "-cpu", "host"] if kvm else ["-accel", "tcg,tb-size=64", "-cpu", "max,-erms,-fsrm"]


def _identity(plan: ServerPlan) -> list[str]:
    who = plan.identity
    system = f"type=1,manufacturer=OOBLab,product=Virtual Server 1U,serial={who.serial},uuid={who.system_uuid}"
    return ["-uuid", who.system_uuid, "-smbios", f"{system},sku={plan.name}"]


def _firmware(plan: ServerPlan, firmware: Firmware) -> list[str]:
    menu = ["-boot", f"menu=on,splash-time={SPLASH_MS}"]
    if firmware == "bios":
        # SeaBIOS shows its screen on the serial line too when this names the port.
        return [*menu, "-fw_cfg", f"name=etc/sercon-port,file={plan.folder / 'sercon-port'}"]
    return [
        *menu,
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
        "-drive", f"if=pflash,unit=1,format=raw,file={plan.folder / 'firmware-variables.fd'}",
    ]  # fmt: skip


def _wiring(plan: ServerPlan, runtime: Path) -> list[str]:
    serial = f"socket,id=serial0,host={plan.address},port={plan.ports.serial},server=on,wait=off"
    arguments = [
        "-qmp", f"unix:{control_socket(runtime, plan)},server=on,wait=off",
        "-chardev", f"{serial},logfile={plan.serial_log},logappend=on", "-serial", "chardev:serial0",
    ]  # fmt: skip
    if plan.model.ipmi:
        port = plan.ports.system_interface
        arguments += [
            "-chardev", f"socket,id=ipmi0,host={plan.address_behind_relay},port={port},reconnect=1",
            "-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0,irq=5",
        ]  # fmt: skip
    return arguments


def _screen(plan: ServerPlan) -> list[str]:
    display = plan.ports.vnc - 5900
    return [
        "-object", f"secret,id=vnc-password,file={plan.folder / 'vnc-password'}",
        "-vga", "std", "-vnc", f"{plan.address}:{display},password-secret=vnc-password",
    ]  # fmt: skip


def _devices(plan: ServerPlan, order: Sequence[str], medium: Path | None, boot_file: str | None) -> list[str]:
    index = {device: position for position, device in enumerate(order, 1)}
    nic, disk, cd = index["nic0"], index["disk0"], index[CD]
    inside = f",file={medium},format=raw,readonly=on" if medium else ""
    named = f",bootfile={boot_file}" if boot_file else ""
    return [
        "-netdev", f"user,id=net0{named},hostfwd=tcp:{plan.address}:{plan.ports.ssh}-:22", "-device",
        f"virtio-net-pci,id=nic0,netdev=net0,mac={plan.identity.nic_mac},bootindex={nic}",
        *_disks(plan, disk, len(order) + 1),
        "-drive", f"if=none,id=medium,media=cdrom{inside}",
        "-device", f"ide-cd,id={CD},drive=medium,bootindex={cd}",
    ]  # fmt: skip


def _disks(plan: ServerPlan, first: int, others: int) -> list[str]:
    """first, others: their places in the order of boot devices."""
    arguments = []
    for number, (serial, file) in enumerate(plan.disks.items()):
        index = others + number if number else first
        arguments += [
            "-drive", f"file={file},format=raw,if=none,id=drive{number},cache=unsafe,discard=unmap",
            "-device", f"virtio-blk-pci,id=disk{number},drive=drive{number},serial={serial},bootindex={index}",
        ]  # fmt: skip
    return arguments
