"""The boot services' own key and certificate authority: made at the first start, shared by all of a site."""

import hashlib
import ipaddress
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.public import PrivateKey
from sqlalchemy.orm import Session

from oobctl import clock, vault
from oobctl.config import settings
from oobctl.errors import ConfigurationError, WrongState
from oobctl.store import Site, database

log = structlog.get_logger()

_CA_LASTS, _LEAF_LASTS = timedelta(days=3650), timedelta(days=90)
_EARLIER = timedelta(days=2)  # a server's clock may be wrong by that much when it is installed


@dataclass(frozen=True)
class Authority:
    """key: opens what is sealed to the boot services. certificate: PEM of who vouches for them."""

    key: PrivateKey
    certificate: str
    _signs: ec.EllipticCurvePrivateKey

    @property
    def secret(self) -> bytes:
        """What jobs' keys are made of where servers start from their network."""
        return hashlib.sha256(b"oobctl network boot\0" + self.key.encode()).digest()

    def context(self, host: str) -> ssl.SSLContext:
        """For a listener that is reached as `host` (a name or an address): TLS 1.2 at least, a certificate of now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # a server that is being installed has the slower processor
        self.certify(context, host)
        return context

    def certify(self, context: ssl.SSLContext, host: str) -> None:
        """Give a listener's context a new key and certificate; connections that are there keep theirs."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self.certificate.encode())
        leaf = _builder(host, issuer.subject, key.public_key(), _LEAF_LASTS)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        signed = leaf.sign(self._signs, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        with TemporaryDirectory() as folder:  # ssl reads files alone; the folder is ours alone
            file = Path(folder, "leaf.pem")
            file.touch(mode=0o600)
            file.write_bytes(signed + _pem(key))
            context.load_cert_chain(file)


def ensure(site_id: str) -> Authority:
    """The site's; made where it is not there yet, and told to the store. Raises ConfigurationError."""
    seal, authority = _paths(site_id)
    if not seal.exists():
        vault.make_key(seal)
    if not authority.exists():
        _make_authority(authority)
    found = _read(seal, authority)
    with database().write() as session:
        site = session.get_one(Site, site_id)
        public = found.key.public_key.encode()
        if site.boot_public_key not in {None, public}:
            raise ConfigurationError(
                f"The key {seal} is not the one that the site {site.name} has for its boot services. Copy that file "
                f"and {authority.name} from the computer on which the first one runs."
            )
        if site.boot_ca not in {None, found.certificate}:
            log.warning(
                "the site's boot services have another certificate authority now: all of them need this file",
                site=site.name,
                file=str(authority),
            )
        site.boot_public_key, site.boot_ca = public, found.certificate
    return found


def public_key_of(session: Session, site_id: str) -> bytes:
    """What seals to the site's boot services. Raises WrongState where none has run yet."""
    site = session.get_one(Site, site_id)
    if site.boot_public_key is None:
        raise WrongState(
            f"No boot service has run at the site {site.name} yet, which servers start from. Staff have to start it: "
            f"oobctl boot --site {site.name}."
        )
    return site.boot_public_key


def _paths(site_id: str) -> tuple[Path, Path]:
    return settings().keys / f"boot-{site_id}.key", settings().keys / f"boot-{site_id}.pem"


def _read(seal: Path, authority: Path) -> Authority:
    key = vault.read_key(seal)
    try:
        if authority.stat().st_mode & 0o077:
            raise ConfigurationError(f"{authority} is open to others. Run: chmod 600 {authority}")
        content = authority.read_bytes()
        signs = serialization.load_pem_private_key(content, password=None)
        certificate = x509.load_pem_x509_certificate(content).public_bytes(serialization.Encoding.PEM).decode()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{authority} cannot be read as the boot services' certificate authority ({type(error).__name__}). "
            "Restore it from your backup, or remove it to have a new one made."
        ) from error
    if not isinstance(signs, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{authority} has a key of another kind than oobctl makes. Remove it.")
    return Authority(key, certificate, signs)


def _make_authority(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "oobctl boot services")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder("oobctl boot services", name, key.public_key(), _CA_LASTS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signed = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:  # 0600
            draft.write(_pem(key) + signed.public_bytes(serialization.Encoding.PEM))
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):  # another first start was quicker: its is taken
                os.link(draft.name, path)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be written: {error.strerror}.") from error


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + lasts)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
