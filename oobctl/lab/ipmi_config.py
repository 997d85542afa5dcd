"""The files that ipmi_sim reads: its configuration, its emulator commands, its sensor data, its FRU."""

import os
import shlex
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from oobctl.lab import fru, ipmi_sdr, ipmi_sensors
from oobctl.lab.errors import LabError
from oobctl.lab.fru import FruPart

MANUFACTURER, PRODUCT, PART = "OOBLab", "Virtual Server 1U", "VS-1000"
PSU_WATTS = 500
USERS_FILE = "users.mc20"  # in the simulator's state: the BMC's users as it keeps them


@dataclass(frozen=True)
class SimulatorFiles:
    """What one ipmi_sim needs to know. `script` None makes a light BMC: its power is a sleeping process.

    user, password: a light BMC's. The others keep their users in a table (`bmc_users.py`).
    """

    name: str
    folder: Path
    address: str
    port: int
    system_uuid: str
    serial: str
    system_interface: int
    user: str = ""
    password: str = ""
    script: Path | None = None
    sol: str | None = None
    public_address: str = ""
    bmc_mac: str = ""

    @property
    def is_light(self) -> bool:
        return self.script is None

    @property
    def users(self) -> Path:
        """Where the simulator keeps its users, passwords included."""
        return self.state / "ipmi_sim" / self.name / USERS_FILE

    @property
    def lan_script(self) -> Path:
        return self.folder / "lan-settings"

    @property
    def configuration(self) -> Path:
        return self.folder / "lan.conf"

    @property
    def commands(self) -> Path:
        return self.folder / "bmc.emu"

    @property
    def state(self) -> Path:
        return self.folder / "ipmi-state"

    def arguments(self) -> list[str]:
        """ipmi_sim's command line; a light one has no console, the others take commands on standard input."""
        quiet = ["-n"] if self.is_light else []
        return ["ipmi_sim", "-c", str(self.configuration), "-f", str(self.commands), "-s", str(self.state), *quiet]


def guid_bytes(system_uuid: str) -> bytes:
    """The system GUID as the BMC sends it: in SMBIOS's byte order, as most vendors do (first three fields swapped)."""
    return uuid.UUID(system_uuid).bytes_le


def write_files(files: SimulatorFiles) -> None:
    """Write all that ipmi_sim reads; what holds the password is 0600. What it has kept itself stays."""
    kept = files.state / "ipmi_sim" / files.name
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    (kept / "sdr.20.main").write_bytes(compiled_sdr(full=not files.is_light))
    frus = [_write_fru(files, 0, _own_fru(files))]
    if not files.is_light:
        frus += [_write_fru(files, part.number, fru.part_data(part)) for part in parts(files.name)]
        _write_lan_script(files)
    files.commands.write_text("\n".join(_commands(files, frus)) + "\n")
    with open(os.open(files.configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(_configuration(files)) + "\n")


def parts(server: str) -> tuple[FruPart, ...]:
    """The parts of a server that have a FRU device of their own; Redfish shows the same ones."""
    return (
        FruPart(1, "OOBLab Memory", "DDR4 UDIMM 256 MB", "DM-256", f"DIMM-{server}-A1"),
        FruPart(2, "OOBLab Memory", "DDR4 UDIMM 256 MB", "DM-256", f"DIMM-{server}-B1"),
        FruPart(3, "OOBLab Power", f"PS-{PSU_WATTS}", "PP-500", f"PSU-{server}-1", watts=PSU_WATTS),
        FruPart(4, "OOBLab Power", f"PS-{PSU_WATTS}", "PP-500", f"PSU-{server}-2", watts=PSU_WATTS),
    )


def _own_fru(files: SimulatorFiles) -> bytes:
    return fru.fru_data(manufacturer=MANUFACTURER, product=PRODUCT, part=PART, serial=files.serial)


def _write_fru(files: SimulatorFiles, number: int, data: bytes) -> str:
    """Write a FRU device's bytes and return the command that gives them to the simulator."""
    path = files.folder / f"fru{number}.bin"
    path.write_bytes(data)
    return f'mc_add_fru_data 0x20 {number} {fru.SIZE} file 0 "{path}"'


@cache
def compiled_sdr(*, full: bool = True) -> bytes:
    """The compiled sensor data; light BMCs have fewer sensors. Raises LabError when sdrcomp is missing or refuses."""
    text = (
        ipmi_sdr.sdr_source(ipmi_sensors.FULL, ipmi_sensors.FRUS) if full else ipmi_sdr.sdr_source(ipmi_sensors.SMALL)
    )
    with TemporaryDirectory() as folder:
        source, compiled = Path(folder, "source"), Path(folder, "compiled")
        source.write_text(text)
        # -8 writes names as 8-bit ASCII: the packed form is read wrongly by several clients.
        command = ["sdrcomp", "-8", "-o", str(compiled), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"sdrcomp refused the sensor data: {(done.stderr or done.stdout).strip()}")
        return compiled.read_bytes()


@cache
def _sensor_commands(*, full: bool) -> str:
    return "\n".join(ipmi_sdr.emulator_commands(ipmi_sensors.FULL if full else ipmi_sensors.SMALL))


def _commands(files: SimulatorFiles, frus: list[str]) -> list[str]:
    return [
        "mc_setbmc 0x20",
        "mc_add 0x20 0x20 no-device-sdrs 0x01 2 0x11 0x9f 0x0291 0xf02 persist_sdr",
        "sel_enable 0x20 1000 0x0a",
        _sensor_commands(full=not files.is_light),
        *frus,
        "mc_enable 0x20",
    ]


def _configuration(files: SimulatorFiles) -> list[str]:
    methods = "none md2 md5 straight"
    lines = [
        f'name "{files.name}"',
        "set_working_mc 0x20",
        "startlan 1",
        f"addr {files.address} {files.port}",
        "priv_limit admin",
        *(f"allowed_auths_{level} {methods}" for level in ("callback", "user", "operator", "admin")),
        f"guid {guid_bytes(files.system_uuid).hex()}",
        *([] if files.is_light else [f'lan_config_program "{files.lan_script}"']),
        "endlan",
    ]
    # Without a system interface the simulator refuses to switch anything on or off.
    lines += [f"serial 15 {files.address} {files.system_interface} codec VM"]
    if files.script:
        lines += [f'chassis_control "{files.script}"']
        lines += [f'sol "tcp:{files.sol}" 115200']
    else:
        lines += [f'startcmd "{_asleep()}"', "poweroff_wait 1", "kill_wait 1"]
        lines += [f'user 1 false "" "" user 10 {methods}']
        lines += [f'user 2 true "{files.user}" "{files.password}" admin 10 {methods}']
    return lines


def _asleep() -> str:
    """A process that stands for a light BMC's server and dies with its simulator."""
    program = shutil.which("setpriv") or "setpriv"
    return f"{program} --pdeathsig KILL sleep 100000000"


def write_chassis_script(path: Path, *, server: str, power: Path, socket: Path) -> None:
    """Write the script that ipmi_sim runs, synchronously, for every question and command about the chassis.

    The power question reads a file that the supervisor keeps: no process, no wait. All else asks the supervisor.
    """
    request = '{"op": "ipmi", "server": "' + server + '", "arguments": "%s"}\\n'
    path.write_text(
        f"""#!/bin/sh
if [ "$*" = "get power" ]; then
    read -r state < {shlex.quote(str(power))} && echo "power:$state"
    exit
fi
answer=$(printf '{request}' "$*" | socat -t 60 - {shlex.quote(f"UNIX-CONNECT:{socket}")}) || exit 1
case "$answer" in
ok) ;;
refused*) echo "$answer"; exit 1 ;;
*) echo "$answer" ;;
esac
"""
    )
    path.chmod(0o700)


def _write_lan_script(files: SimulatorFiles) -> None:
    """Write the program that ipmi_sim asks for the BMC's LAN settings; it takes no other ones."""
    settings = {
        "ip_addr_src": "static",
        "ip_addr": files.public_address,
        "mac_addr": files.bmc_mac,
        "subnet_mask": "255.255.255.0",
        "default_gw_ip_addr": "0.0.0.0",
        "default_gw_mac_addr": "00:00:00:00:00:00",
        "backup_gw_ip_addr": "0.0.0.0",
        "backup_gw_mac_addr": "00:00:00:00:00:00",
    }
    lines = [f"{name}:{value}" for name, value in settings.items()]
    files.lan_script.write_text("\n".join(["#!/bin/sh", '[ "$1" = get ] || exit 1', "cat <<'END'", *lines, "END", ""]))
    files.lan_script.chmod(0o700)
