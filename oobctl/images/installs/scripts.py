"""iPXE scripts that somebody brings: what is asked, what of it is kept, and how it waits for its server."""

import hashlib
from typing import Annotated, Any

from nacl.public import PrivateKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from oobctl import vault
from oobctl.constants import BootPath
from oobctl.images.installs import authority, paths
from oobctl.store import Install, Job, Server
from oobctl.vault import Secret

_FIRST = "#!ipxe"
_LONGEST = 64 << 10  # iPXE has little memory in a BIOS


def _script(value: str) -> str:
    text = value.replace("\r\n", "\n").strip("\n") + "\n"
    if text.split("\n", 1)[0].strip() != _FIRST:
        raise ValueError(f"an iPXE script begins with the line {_FIRST}")
    if not all(sign.isprintable() or sign in "\n\t" for sign in text) or not text.isascii():
        raise ValueError("an iPXE script is plain ASCII text")
    return text


class ScriptRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    script: Annotated[str, AfterValidator(_script)] = Field(
        max_length=_LONGEST,
        description="An iPXE script. The server gets it once, over http in the site's boot network.",
        json_schema_extra={"format": "multiline"},
    )


class ScriptParameters(BaseModel):
    """What is kept and recorded: the script itself may have a password in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sha256: str
    lines: int


def keep(request: ScriptRequest) -> ScriptParameters:
    digest = hashlib.sha256(request.script.encode()).hexdigest()
    return ScriptParameters(sha256=digest, lines=request.script.count("\n"))


def check(session: Session, server: Server, by_staff: bool, request: Any) -> None:
    """Raises WrongState where no boot service has run, NoWay where the server cannot start from its network."""
    authority.public_key_of(session, server.site_id)
    paths.chosen(session, server, BootPath.NETWORK)


def arrange(session: Session, server: Server, job: Job, request: ScriptRequest) -> Secret | None:
    """Put it away, sealed to the boot service, until the server asks."""
    key = authority.public_key_of(session, job.site_id)
    sealed = vault.seal_content(key, job.id, {"script": request.script})
    session.add(Install(job_id=job.id, server_id=server.id, sealed=sealed))
    return None


def unsealed(key: PrivateKey, job_id: str, sealed: bytes) -> str:
    """key: of the site's boot services."""
    return str(vault.unseal_content(key, job_id, sealed)["script"])
