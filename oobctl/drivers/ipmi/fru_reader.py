"""Reading a FRU from a BMC in pieces that it can give (IPMI 2.0, sections 34.1 and 34.2)."""

from oobctl.drivers.ipmi.asking import NOT_THERE, STORAGE, TOO_LONG, ask
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.session import IpmiSession

_INFO, _READ = 0x10, 0x11
_SIZES = (16, 8)  # bytes of one piece: many BMCs refuse longer ones
_BY_WORDS = 0x01
ABSENT = frozenset({NOT_THERE, 0xC3, 0xC9, 0xCC, 0xCD, 0xD3, 0xD5})  # what BMCs say of a FRU that is not plugged in


class FruReader:
    """One FRU device of the BMC. missing: the completion code with which it said that there is none; refused: with
    which it stopped giving bytes."""

    def __init__(self, session: IpmiSession, device: int, lun: int = 0) -> None:
        self._session, self._device, self._lun = session, device, lun
        self._sizes = list(_SIZES)
        self.missing: int | None = None
        self.refused: int | None = None
        self._size, self._unit = self._info()

    def read(self, offset: int, count: int) -> bytes:
        """Bytes from an offset, fewer at the end of the FRU or of what the BMC gives."""
        found = b""
        end = min(offset + count, self._size)
        while offset + len(found) < end:
            piece = self._piece(offset + len(found), end - offset - len(found))
            if not piece:
                break
            found += piece
        return found

    def _info(self) -> tuple[int, int]:
        """Its size in bytes, and how many bytes an offset counts."""
        answer = self._ask(_INFO, bytes((self._device,)))
        if answer.code or len(answer.data) < 3:
            self.missing = answer.code
            return 0, 1
        unit = 2 if answer.data[2] & _BY_WORDS else 1
        return int.from_bytes(answer.data[:2], "little"), unit

    def _piece(self, offset: int, left: int) -> bytes:
        while True:
            size = min(self._sizes[0], left)
            start, skip = divmod(offset, self._unit)
            units = -(-(size + skip) // self._unit)
            answer = self._ask(_READ, bytes((self._device, start & 0xFF, start >> 8 & 0xFF, units)))
            if not answer.code:
                return answer.data[1 + skip : 1 + skip + size]
            if answer.code not in TOO_LONG or len(self._sizes) == 1:
                self.refused = answer.code
                return b""
            del self._sizes[0]

    def _ask(self, command: int, data: bytes) -> Answer:
        return ask(self._session, STORAGE, command, data, what=f"read FRU {self._device}", lun=self._lun)
