"""The lab's certificates: a CA of its own for servers checked by it, self-signed ones for servers that are pinned."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from oobctl.lab.credentials import write_secret

_VALIDITY = timedelta(days=3650)


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate and its key on disk (PEM, key 0600)."""

    certificate: Path
    key: Path

    def exist(self) -> bool:
        return self.certificate.exists() and self.key.exists()

    def load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()), key


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the DER certificate, as lower-case hex."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()


def ensure_authority(folder: Path) -> CertificateFiles:
    """The lab's own CA, made once per rack."""
    files = CertificateFiles(folder / "ca.pem", folder / "ca.key")
    if not files.exist():
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("oobctl lab CA")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        _write(files, builder.sign(key, hashes.SHA256()), key)
    return files


def issue(files: CertificateFiles, *, name: str, address: str, authority: CertificateFiles | None) -> None:
    """Write a new certificate for a BMC at an IP address, signed by `authority` or, without one, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    issuer, signer = subject, key
    if authority:
        certificate, signer = authority.load()
        issuer = certificate.subject
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(name)])
    builder = _builder(subject, issuer, key.public_key()).add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(server, critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    _write(files, builder.sign(signer, hashes.SHA256()), key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _write(files: CertificateFiles, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_secret(files.key, pem.decode())
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
