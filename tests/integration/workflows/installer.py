"""A machine that starts from a tree's virtual drive or its network, and speaks as the installer does.

It reads its medium as a server would: the address that the BMC was given, fetched from the BMC's own address, and the
job's files in it; or, from the network, what iPXE fetches. What a real ramdisk does with a real disk is tested in
test_installer_ramdisk.py and on the rack.
"""

import io
import secrets
import ssl
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import httpx

from oobctl.config import settings
from oobctl.images.installer import iso9660, medium
from tests.installation import eventually
from tests.reinstalls import HOST_KEY
from tests.trees import Served


class Installer:
    """One machine; `start` it before the reinstall is asked for, `end` it in any case.

    until: the last thing that it does, of claim, begin, written, configured, first_boot. meanwhile: called with the
    name of each of these before it is done. says: the fields of its claim. loses: called with what was answered, before
    it reads that; whether the answer is lost on its way, so that it asks again.
    """

    def __init__(
        self,
        bmc: Served,
        says: dict[str, str],
        *,
        until: str = "first_boot",
        meanwhile: Callable[[str], None] | None = None,
        fails: str | None = None,
        loses: Callable[[str], bool] = lambda _what: False,
    ) -> None:
        self._bmc, self._until, self._meanwhile, self._fails, self._loses = bmc, until, meanwhile, fails, loses
        self.said = says
        self.token, self.key = secrets.token_hex(32), ""
        self.answers: list[tuple[str, int, str]] = []
        self.unanswered = 0
        self.script = ""
        self.files: dict[str, bytes] = {}
        self.image = b""
        self.error: BaseException | None = None
        self._over = threading.Event()
        self._boots = len(bmc.state.boots)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Installer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def answer(self, what: str) -> tuple[int, str]:
        """The status and text of the last answer to that; (0, "") where it was not asked yet."""
        return next(((status, text) for name, status, text in reversed(self.answers) if name == what), (0, ""))

    # --- what it does ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            source = self._starts()
            if source is None or not (self._read_medium() if source == "Cd" else self._read_network()):
                return
            for what in ("claim", "begin", "written", "configured", "first_boot"):
                if self._meanwhile is not None:
                    self._meanwhile(what)
                if self._over.is_set() or not getattr(self, f"_{what}")() or what == self._until:
                    return
        except BaseException as error:
            self.error = error

    def _starts(self) -> str | None:
        """From where the server starts, by an override for once: the drive, with something in it, or its network."""
        while not self._over.wait(0.05):
            sources = {one.source for one in self._bmc.state.boots[self._boots :]}
            if "Cd" in sources and any(self._bmc.state.media().values()):
                return "Cd"
            if sources & {"Pxe", "UefiHttp"}:
                return "Pxe"
        return None

    def _read_network(self) -> bool:
        """As iPXE does. Whether it is an installer's script that it got."""
        asked = {"mac": self.said["mac"], "uuid": self.said["uuid"], "platform": "efi"}
        base = f"{settings().media_address}/boot"
        self.script = httpx.get(f"{base}/script", params=asked, timeout=10, trust_env=False).text
        files = next((line.split()[3] for line in self.script.splitlines() if "initrd --name job.cpio" in line), None)
        if files is None:
            return False
        self._unpack(httpx.get(files, timeout=10, trust_env=False).content)
        return True

    def _unpack(self, archive: bytes) -> None:
        self.job = _unpacked(archive)
        self.url, self.key = self.job["url"].decode().strip(), self.job["key"].decode().strip()

    def _read_medium(self) -> bool:
        url = next(filter(None, self._bmc.state.media().values()))
        here = httpx.HTTPTransport(local_address=self._bmc.address)
        with httpx.Client(transport=here, timeout=10, trust_env=False) as client:
            length = int(client.head(url).headers["Content-Length"])
            content = client.get(url).content
        assert len(content) == length
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            start, room = iso9660.find(Path(file.name), medium.JOB_FILE)
        self._unpack(content[start : start + room])
        return True

    def ask(self, what: str, method: str, path: str, **more: object) -> httpx.Response:
        """Asked again while nobody answers, as an installer does."""
        trust = ssl.create_default_context(cadata=self.job["ca.pem"].decode())
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(verify=trust, timeout=10, trust_env=False) as client:
            while True:
                try:
                    answer = client.request(method, f"{self.url}/{path}", headers=headers, **more)  # type: ignore[arg-type]
                    if not self._loses(what):
                        break
                except httpx.TransportError:
                    self.unanswered += 1
                    if self._over.wait(0.2):
                        raise
        self.answers.append((what, answer.status_code, answer.text if answer.status_code != 206 else ""))
        return answer

    def _claim(self) -> bool:
        return self.claim(self.token).status_code == 200

    def claim(self, token: str) -> httpx.Response:
        return self.ask("claim", "POST", "claim", data={"key": self.key, "token": token, **self.said})

    def _begin(self) -> bool:
        self._report("started", log="the installer is here\n")
        while not self._over.wait(0.1):
            answer = self.ask("begin", "POST", "begin")
            if answer.text != "wait":
                return answer.text == "go"
        return False

    def _written(self) -> bool:
        self.image = self.ask("image", "GET", "image").content
        if self._fails is not None:
            self._report("failed", reason=self._fails)
            return False
        return self._report("written").status_code == 200

    def _configured(self) -> bool:
        content = self.ask("files", "GET", "files").content
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            read = {entry.name: tar.extractfile(entry) for entry in tar.getmembers() if entry.isfile()}
            self.files = {name: file.read() for name, file in read.items() if file is not None}
        while not self._over.wait(0.1):
            answer = self._report("configured")
            if answer.text != "wait":
                return answer.text == "reboot"
        return False

    def _first_boot(self) -> bool:
        said = {
            "key": self.files["etc/oobctl/key"].decode(), "host_name": self.files["etc/hostname"].decode().strip(),
            "kernel": "6.1", "host_keys": f"{HOST_KEY}\n", "notes": "",
        }  # fmt: skip
        return self.ask("first_boot", "POST", "first-boot", data=said).status_code == 200

    def _report(self, phase: str, **more: str) -> httpx.Response:
        return self.ask("report", "POST", "report", data={"phase": phase, "bytes": "100", "log_from": "1", **more})

    def done(self, what: str) -> None:
        """Wait until it has been answered that."""
        eventually(lambda: self.answer(what)[0] != 0)


def _unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of a cpio archive (newc), without their folder."""
    found, place = {}, 0
    while archive[place : place + 6] == b"070701":
        fields = [int(archive[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        size, name_size = fields[6], fields[11]
        name = archive[place + 110 : place + 110 + name_size - 1].decode()
        begin = (place + 110 + name_size + 3) // 4 * 4
        if name.startswith("oobctl/"):
            found[name.removeprefix("oobctl/")] = archive[begin : begin + size]
        place = (begin + size + 3) // 4 * 4
    return found
