"""A BMC's web server that a test makes up: real TLS on loopback, with a certificate of its own."""

import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oobctl.constants import Protocol, TlsMode
from oobctl.drivers.interfaces import EndpointAddress


@asynccontextmanager
async def served(folder: Path, service: web.Application, *, pin: str | None = None) -> AsyncIterator[EndpointAddress]:
    """Where it is. pin: the fingerprint that it ought to have; None: its own."""
    context, fingerprint = _certificate(folder)
    runner = web.AppRunner(service, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield EndpointAddress(
            id="endpoint", bmc_id="bmc", protocol=Protocol.REDFISH, address="127.0.0.1", port=runner.addresses[0][1],
            tls_mode=TlsMode.PIN, tls_fingerprint=pin or fingerprint, tls_ca=None,
        )  # fmt: skip
    finally:
        await runner.cleanup()


def _certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """The server's side of TLS, and its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "bmc.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "bmc.pem")
    return context, made.fingerprint(hashes.SHA256()).hex()
