"""Credentials: who can open them, when not, and that they show nowhere."""

import os
from pathlib import Path

import pytest
from sqlalchemy import select, text

from oobctl import vault
from oobctl.errors import ConfigurationError
from oobctl.installation import key_path
from oobctl.store import Base, Credential, Endpoint, Site, database
from oobctl.vault import Secret
from tests.furnished import BMC_PASSWORD
from tests.installation import Installation

SECRET = Secret("admin", "canary-771f")


def test_what_was_sealed_is_opened_with_the_sites_key(tmp_path: Path) -> None:
    public = vault.make_key(tmp_path / "key")
    sealed = vault.seal(public, "endpoint", "192.0.2.1", SECRET)
    assert vault.unseal(vault.read_key(tmp_path / "key"), "endpoint", "192.0.2.1", sealed) == SECRET


def test_another_sites_key_does_not_open_it(tmp_path: Path) -> None:
    sealed = vault.seal(vault.make_key(tmp_path / "one"), "endpoint", "192.0.2.1", SECRET)
    vault.make_key(tmp_path / "two")
    with pytest.raises(ConfigurationError, match="sealed to another key"):
        vault.unseal(vault.read_key(tmp_path / "two"), "endpoint", "192.0.2.1", sealed)


@pytest.mark.parametrize(("endpoint", "address"), [("endpoint", "192.0.2.2"), ("other", "192.0.2.1")])
def test_a_moved_address_or_another_endpoint_voids_a_password(tmp_path: Path, endpoint: str, address: str) -> None:
    sealed = vault.seal(vault.make_key(tmp_path / "key"), "endpoint", "192.0.2.1", SECRET)
    with pytest.raises(ConfigurationError, match="address was changed"):
        vault.unseal(vault.read_key(tmp_path / "key"), endpoint, address, sealed)


def test_a_damaged_password_is_not_opened(tmp_path: Path) -> None:
    sealed = bytearray(vault.seal(vault.make_key(tmp_path / "key"), "endpoint", "192.0.2.1", SECRET))
    sealed[-1] ^= 1
    with pytest.raises(ConfigurationError):
        vault.unseal(vault.read_key(tmp_path / "key"), "endpoint", "192.0.2.1", bytes(sealed))


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        vault.make_key(tmp_path / "keys" / "key")
    finally:
        os.umask(before)
    assert (tmp_path / "keys" / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    vault.make_key(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(ConfigurationError, match="could not be written"):
        vault.make_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    vault.make_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        vault.read_key(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"damaged .* Restore it from your backup"):
        vault.read_key(tmp_path / "key")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        vault.read_key(tmp_path / "gone.key")
    assert str(tmp_path / "gone.key") in caught.value.message


def test_a_secret_prints_as_nothing() -> None:
    assert "canary" not in f"{SECRET!r} {SECRET!s} {SECRET}"


def test_a_password_stands_nowhere_in_the_database_and_opens_with_the_key_file_alone(
    installation: Installation,
) -> None:
    with database().read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(text(f'SELECT * FROM "{table.name}"')):
                assert BMC_PASSWORD not in str(row)
                assert BMC_PASSWORD.encode() not in b"".join(part for part in row if isinstance(part, bytes))
        credential = session.scalars(select(Credential)).first()
        site = session.scalars(select(Site)).one()
        assert credential is not None
        endpoint = session.get_one(Endpoint, credential.endpoint_id)
    opened = vault.unseal(vault.read_key(key_path(site.id)), endpoint.id, endpoint.address, credential.sealed)
    assert opened.password == BMC_PASSWORD
