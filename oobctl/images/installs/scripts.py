"""iPXE scripts that somebody brings: what is asked, what of it is kept, and how it waits for its server."""

import hashlib
from typing import Annotated, Any, Self

from nacl.public import PrivateKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from oobctl import vault
from oobctl.access import Actor
from oobctl.errors import NotFound
from oobctl.images.installs import authority, paths
from oobctl.jobs.action import wrong
from oobctl.store import BootScript, Install, Job, Server
from oobctl.vault import Secret

_FIRST = "#!ipxe"
LONGEST = 64 << 10
"""Of a script, in bytes: iPXE has little memory in a BIOS."""
LONGEST_NAME = 64


def _script(value: str) -> str:
    text = value.replace("\r\n", "\n").strip("\n") + "\n"
    if text.split("\n", 1)[0].strip() != _FIRST:
        raise ValueError(f"an iPXE script begins with the line {_FIRST}")
    if not all(sign.isprintable() or sign in "\n\t" for sign in text) or not text.isascii():
        raise ValueError("an iPXE script is plain ASCII text")
    return text


Script = Annotated[str, Field(max_length=LONGEST), AfterValidator(_script)]


class ScriptRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    saved: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description="Its name. Your account keeps them on the page “Boot scripts”, or by POST /boot-scripts.",
    )
    script: Script | None = Field(
        None,
        description="An iPXE script. The server gets it once, over http in the site's boot network.",
        json_schema_extra={"format": "multiline"},
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.script is None) == (self.saved is None):
            raise wrong("script", "give a script, or the name of a saved one, and not both")
        return self


class ScriptParameters(BaseModel):
    """What is kept and recorded: the script itself may have a password in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    saved: str | None = None
    sha256: str
    lines: int


def saved(session: Session, account_id: str | None, name_or_id: str) -> BootScript:
    """The account's script of that name or id, its text loaded. Raises NotFound, the same for another account's."""
    mine = BootScript.account_id == account_id
    named = (BootScript.name == name_or_id) | (BootScript.id == name_or_id)
    by_name = BootScript.name != name_or_id  # a name may look like an id
    row = session.scalar(select(BootScript).where(mine, named).order_by(by_name).options(undefer(BootScript.script)))
    if row is None:
        known = session.scalars(select(BootScript.name).where(mine).order_by(BootScript.name))
        raise NotFound(
            f"Your account keeps no boot script {name_or_id[:LONGEST_NAME]!r}. It keeps: {', '.join(known) or 'none'}."
        )
    return row


def complete(session: Session, actor: Actor, request: ScriptRequest) -> ScriptRequest:
    """With the text of a saved script, which is the one that who asks sees at this moment. Raises NotFound."""
    if request.saved is None:
        return request
    row = saved(session, actor.account_id, request.saved)
    return request.model_copy(update={"saved": row.name, "script": row.script})


def keep(request: ScriptRequest) -> ScriptParameters:
    """Raises ValueError where the request was not completed."""
    text = _text(request)
    return ScriptParameters(saved=request.saved, sha256=sha256(text), lines=lines(text))


def sha256(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


def lines(script: str) -> int:
    return script.count("\n")


def check(session: Session, server: Server, by_staff: bool, request: Any) -> None:
    """Raises WrongState where no boot service has run, NoWay where the server cannot start from its network."""
    authority.public_key_of(session, server.site_id)
    paths.network(session, server)


def arrange(session: Session, server: Server, job: Job, request: ScriptRequest) -> Secret | None:
    """Put it away, sealed to the boot service, until the server asks."""
    key = authority.public_key_of(session, job.site_id)
    sealed = vault.seal_content(key, job.id, {"script": _text(request)})
    session.add(Install(job_id=job.id, server_id=server.id, sealed=sealed))
    return None


def unsealed(key: PrivateKey, job_id: str, sealed: bytes) -> str:
    """key: of the site's boot services."""
    return str(vault.unseal_content(key, job_id, sealed)["script"])


def _text(request: ScriptRequest) -> str:
    if request.script is None:
        raise ValueError("the saved script was not looked up")
    return request.script
