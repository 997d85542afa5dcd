"""Public keys are taken and named by their fingerprint; private ones that were pasted are repeated nowhere."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from oobctl.images.ssh_keys import SshKey, fingerprint_of, is_private, to_show_again
from tests.reinstalls import SSH_KEY, private_key

FINGERPRINT = "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE"  # as ssh-keygen -l prints it
LINE: TypeAdapter[str] = TypeAdapter(SshKey)
PRIVATE = [
    key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()))
    for form in (serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.TraditionalOpenSSL)
] + [private_key()]
PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nc2VjcmV0IGtleQ==\n"


def pasted(key: str) -> list[str]:
    """As it gets into a field: whole, without its ends, one line of it, all in one line."""
    lines = key.splitlines()
    return [key, "\r\n".join(lines), "\n".join(f"  {line}" for line in lines), "\n".join(lines[1:-1]), lines[1],
            " ".join(lines)]  # fmt: skip


@pytest.mark.parametrize("key", [*PRIVATE, PUTTY])
def test_nothing_of_a_private_key_is_shown_again_and_public_ones_beside_it_are(key: str) -> None:
    for text in pasted(key)[: 1 if key == PUTTY else None]:
        shown = to_show_again(f"{SSH_KEY}\n{text}")
        assert shown == SSH_KEY


@pytest.mark.parametrize("key", PRIVATE)
def test_no_refusal_repeats_a_piece_of_a_key(key: str) -> None:
    for text in pasted(key):
        with pytest.raises(ValidationError) as caught:
            LINE.validate_python(text)
        said = caught.value.errors()[0]["msg"]
        assert [line for line in key.splitlines() if line[:16] in said] == []
        assert ("private key" in said) == is_private(text)


@pytest.mark.parametrize(
    "line",
    [
        SSH_KEY.replace(" ", "  ", 1).replace("AAAA", ",AAAA", 1), SSH_KEY.replace("AAAA", "AA\u00adAA", 1),
        SSH_KEY.replace("ssh-ed25519", "ssh-rsa", 1), f"{' '.join(SSH_KEY.split()[:2])}, me", SSH_KEY.split()[1],
    ],
)  # fmt: skip
def test_a_key_that_an_ssh_server_would_pass_over_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(line)


def test_a_key_of_a_kind_that_ssh_servers_take_no_more_is_refused() -> None:
    for kind in ("ssh-dss", "ssh-ed25519-cert-v01@openssh.com"):
        with pytest.raises(ValidationError, match="this kind"):
            LINE.validate_python(f"{kind} {SSH_KEY.split()[1]}")


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())])
def test_a_key_of_another_kind_is_taken_as_it_is(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert LINE.validate_python(f" {public.decode()} me@example.org ") == f"{public.decode()} me@example.org"


@pytest.mark.parametrize("text", ["", f"{SSH_KEY}\n\nssh-rsa nonsense", "a key\n# mine", f"# mine\n{SSH_KEY}\n"])
def test_what_is_no_private_key_is_shown_as_it_was_typed(text: str) -> None:
    assert to_show_again(text) == text


@given(st.sampled_from(PRIVATE), st.data())
def test_no_piece_of_a_private_key_is_shown_again_wherever_it_is_cut(key: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(key) - 40))
    piece = key[begin : begin + data.draw(st.integers(40, len(key)))]
    shown = to_show_again(piece)
    assert shown == ""


def test_a_fingerprint_is_as_openssh_prints_it() -> None:
    assert fingerprint_of(SSH_KEY) == FINGERPRINT
