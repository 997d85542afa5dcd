"""The BMC itself over IPMI: who it is (IPMI 2.0, sections 20.1, 20.8, 22.14, 23.2, 34.2) and its reset (20.2, 20.3)."""

from oobctl.constants import ResetType
from oobctl.drivers.identity import told
from oobctl.drivers.interfaces import Fence, Identity
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.fru import read_fru
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcRefused, NotSupported, OutcomeUnknown

_APP, _STORAGE, _TRANSPORT = 0x06, 0x0A, 0x0C
_DEVICE_ID, _COLD_RESET, _WARM_RESET, _DEVICE_GUID, _SYSTEM_GUID = 0x01, 0x02, 0x03, 0x08, 0x37
_READ_FRU = 0x11
_GET_LAN, _THIS_CHANNEL, _MAC = 0x02, 0x0E, 0x05
_FRU_BYTES = 16  # a read that every BMC can answer; many refuse longer ones
_GUID_BYTES = 16
_NO_MAKER = frozenset({0, 0xFFFFF})
_LACKED = frozenset({0xD3})  # the part that should answer is not there, and won't be the next time


class IpmiBmc:
    """interfaces.BmcDevice over one session."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence

    def identity(self) -> Identity:
        """What the BMC tells of itself; None for each part that it does not tell."""
        device = self._session.read(_APP, _DEVICE_ID, what="say what it is")
        fru = read_fru(self._fru_bytes)
        mac = self._optional(_TRANSPORT, _GET_LAN, bytes((_THIS_CHANNEL, _MAC, 0, 0)), "say its MAC address")
        return told(
            system_uuid=self._guid(_SYSTEM_GUID, "say its system's GUID"),
            bmc_guid=self._guid(_DEVICE_GUID, "say its GUID"),
            serial=fru.serial,
            bmc_mac=mac[1:7].hex(":") if len(mac) >= 7 else None,
            manufacturer=fru.manufacturer,
            model=fru.product,
            board=fru.board,
            bmc_firmware=_firmware(device),
            bmc_model=_model(*_numbers(device)),
            ipmi_manufacturer=_numbers(device)[0],
            ipmi_product=_numbers(device)[1],
        )

    def reset(self, reset: ResetType) -> None:
        """GracefulRestart is a warm reset, ForceRestart a cold one; sent once, and the session is given up."""
        commands = {ResetType.GRACEFUL_RESTART: _WARM_RESET, ResetType.FORCE_RESTART: _COLD_RESET}
        if reset not in commands:
            raise NotSupported(f"IPMI can reset a BMC warm or cold; it has no {reset}.")
        try:
            self._session.write_once(_APP, commands[reset], b"", self._fence, what="reset itself")
        except OutcomeUnknown:
            self._session.give_up()
            raise
        self._session.give_up()

    def _guid(self, command: int, what: str) -> bytes | None:
        data = self._optional(_APP, command, b"", what)
        return data[:_GUID_BYTES] if len(data) >= _GUID_BYTES else None

    def _fru_bytes(self, offset: int, count: int) -> bytes:
        """Read the BMC's FRU (device 0) in small pieces; what it does not give is missing."""
        found = b""
        while len(found) < count:
            at, size = offset + len(found), min(_FRU_BYTES, count - len(found))
            piece = self._optional(_STORAGE, _READ_FRU, bytes((0, at & 0xFF, at >> 8, size)), "read its FRU")
            if len(piece) < 2:
                break
            found += piece[1 : 1 + size]
        return found

    def _optional(self, netfn: int, command: int, data: bytes, what: str) -> bytes:
        """A part of the identity that a BMC may lack: no bytes then. One that is busy has not said that it lacks it."""
        answer = self._session.exchange(netfn, command, data, what=what)
        if answer.code in _LACKED:
            return b""
        try:
            return codes.check(answer, what)
        except (BmcRefused, NotSupported):
            return b""


def _firmware(device: bytes) -> str | None:
    """Major revision, and minor in BCD (IPMI 2.0, table 20-2)."""
    return f"{device[2] & 0x7F}.{device[3] >> 4}{device[3] & 0x0F}" if len(device) >= 4 else None


def _numbers(device: bytes) -> tuple[int | None, int | None]:
    """The maker's IANA number, and its own number of the product; None for what is not specified (table 20-2)."""
    if len(device) < 11:
        return None, None
    maker = int.from_bytes(device[6:9], "little") & 0xFFFFF
    return None if maker in _NO_MAKER else maker, int.from_bytes(device[9:11], "little")


def _model(maker: int | None, product: int | None) -> str | None:
    """IPMI names a BMC by numbers alone."""
    return None if product is None else f"IPMI manufacturer {maker or 0} product {product}"
