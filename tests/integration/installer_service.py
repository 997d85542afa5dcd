"""A boot service for tests of the installer: it speaks the protocol over TLS, and can be made to misbehave."""

import contextlib
import hashlib
import http.server
import io
import ipaddress
import ssl
import tarfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GUEST_SEES = "10.0.2.2"  # slirp's name for this computer's loopback


class Authority:
    """A CA of its own, and the certificate that it gave the service."""

    def __init__(self, folder: Path, name: str) -> None:
        key, self._subject = (
            ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        )
        ca = self._certificate(self._subject, key.public_key(), key, x509.BasicConstraints(ca=True, path_length=None))
        self.pem = ca.public_bytes(serialization.Encoding.PEM)
        own = ec.generate_private_key(ec.SECP256R1())
        server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "boot service")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(GUEST_SEES))])
        certificate = self._certificate(server, own.public_key(), key, address)
        self.chain = folder / f"{name}.pem"
        self.chain.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _certificate(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        return builder.sign(key, hashes.SHA256())


@dataclass
class Job:
    """What the service answers. cut_at: the first download ends there, and the whole service is away for a while."""

    orders: str
    image: bytes = b""
    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    claim_status: int = 200
    claim_text: str = ""
    cut_at: int | None = None


class BootService:
    """Serves one job; keeps what was asked."""

    def __init__(self, job: Job, authority: Authority) -> None:
        self.job = job
        self.claims: list[dict[str, list[str]]] = []
        self.reports: list[dict[str, str]] = []
        self.ranges: list[str] = []
        self.begun = 0
        self.tokens: set[str] = set()
        self.away_until = 0.0
        self.lines: dict[int, str] = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            service = outer

        self.server = _Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.chain)
        self.server.context = context
        self.url = f"https://{GUEST_SEES}:{self.server.server_address[1]}/install"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def phases(self) -> list[str]:
        """In order, each run of equal ones once."""
        found = [report["phase"] for report in self.reports]
        return [phase for number, phase in enumerate(found) if number == 0 or found[number - 1] != phase]

    def reason(self) -> str:
        return next((report["reason"] for report in reversed(self.reports) if "reason" in report), "")


class _Server(http.server.ThreadingHTTPServer):
    context: ssl.SSLContext
    daemon_threads = True

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """The handshake in the connection's own thread."""
        with contextlib.suppress(OSError):  # the installer did not trust us, or went
            super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    service: BootService
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def away(self) -> bool:
        """As a service that is down: the connection is closed without an answer."""
        if time.monotonic() < self.service.away_until:
            self.close_connection = True
            return True
        return False

    def allowed(self) -> bool:
        if self.headers.get("Authorization", "").removeprefix("Bearer ") in self.service.tokens:
            return True
        self.answer(401, b"wrong token\n")
        return False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.away():
            return
        form = parse_qs(body, keep_blank_values=True)
        service = self.service
        if self.path == "/install/claim":
            service.claims.append(form)
            service.tokens.update(form["token"])
            if service.job.claim_status != 200:
                self.answer(service.job.claim_status, service.job.claim_text.encode())
            else:
                self.answer(200, service.job.orders.encode())
        elif not self.allowed():
            return
        elif self.path == "/install/begin":
            service.begun += 1
            self.answer(200, b"go\n")
        elif self.path == "/install/report":
            self.report({name: values[0] for name, values in form.items()})
        else:
            self.answer(404, b"what?\n")

    def report(self, report: dict[str, str]) -> None:
        service = self.service
        service.reports.append(report)
        for number, line in enumerate(report["log"].splitlines(), int(report["log_from"])):
            service.lines[number] = line
        self.answer(200, b"reboot\n" if report["phase"] == "configured" else b"go\n")

    def do_GET(self) -> None:
        if self.away() or not self.allowed():
            return
        if self.path == "/install/image":
            self.image()
        elif self.path == "/install/files":
            self.answer(200, archive(self.service.job.files))
        else:
            self.answer(404, b"what?\n")

    def image(self) -> None:
        job, wanted = self.service.job, self.headers.get("Range", "")
        self.service.ranges.append(wanted)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first or 0), int(last or len(job.image) - 1)
        body = job.image[start : end + 1]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(job.image)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if job.cut_at is not None and len(self.service.ranges) == 1:
            self.wfile.write(body[: job.cut_at])
            self.service.away_until = time.monotonic() + 3
            self.close_connection = True
        else:
            self.wfile.write(body)


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (mode, data) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(data), mode, 1234 if name.startswith("srv/") else 0, 0
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def orders(
    image: bytes, *, content_size: int, disks: list[tuple[int, str]], mac: str, keep: Sequence[str] = (), **more: str
) -> str:
    """The orders, in lines, for an image that is served as it is; `more` adds lines or overrides them."""
    lines = {
        "job": "j1", "server": "web01", "mac": mac, "form": "disk-image", "image": "image",
        "image_size": str(len(image)), "image_sha256": hashlib.sha256(image).hexdigest(),
        "content_size": str(content_size), "layout": "whole-disk", "unknown": "$(reboot -f)", **more,
    }  # fmt: skip
    several = [("disk", f"{size} {serial}") for size, serial in disks] + [("keep", name) for name in keep]
    return "".join(f"{name} {value}\n" for name, value in (*lines.items(), *several))
