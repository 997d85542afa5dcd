"""iPXE scripts that somebody brings: what is asked, what of it is kept, and how it waits for its server."""

import hashlib
from typing import Annotated, Any, Self

from nacl.public import PrivateKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from oobctl import vault
from oobctl.access import Actor, holds
from oobctl.constants import Permission
from oobctl.errors import NotAllowed, NotFound
from oobctl.images.installs import authority, paths
from oobctl.jobs.action import wrong
from oobctl.store import BootScript, Install, Job, Server
from oobctl.vault import Secret

_FIRST = "#!ipxe"
LONGEST = 64 << 10
"""Of a script, in bytes: iPXE has little memory in a BIOS."""
LONGEST_NAME = 64


def _script(value: str) -> str:
    text = value.removeprefix("\ufeff").replace("\r\n", "\n").strip("\n") + "\n"
    if text.split("\n", 1)[0].rstrip() != _FIRST:  # iPXE takes no blank before it
        raise ValueError(f"an iPXE script begins with the line {_FIRST}")
    if not all(sign.isprintable() or sign in "\n\t" for sign in text) or not text.isascii():
        raise ValueError("an iPXE script is plain ASCII text, without control characters")
    if len(text) > LONGEST:
        raise ValueError(f"an iPXE script has at most {LONGEST} bytes here")
    return text


Script = Annotated[str, Field(max_length=2 * LONGEST), AfterValidator(_script)]
"""Its lines end as on Unix; the limit of its length holds without what they ended with."""


class ScriptRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    saved: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        pattern=r"^[a-z0-9][a-z0-9.-]*$",  # a script that was meant for the other parameter is refused unrecorded
        description="The name of a script that your account keeps (GET /boot-scripts).",
    )
    script: Script | None = Field(
        None,
        description="An iPXE script. The server gets it once, over http in the site's boot network.",
        json_schema_extra={"format": "multiline"},
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.script is None and self.saved is None:
            raise wrong("script", "give a script, or the name of a saved one")
        if self.script is not None and self.saved is not None:
            raise wrong("saved", "give a script, or the name of a saved one, and not both")
        return self


class ScriptParameters(BaseModel):
    """What is kept and recorded: the script itself may have a password in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    saved: str | None = None
    sha256: str
    lines: int


def check_may(actor: Actor) -> str:
    """The account whose scripts the actor may read and use.

    Raises NotAllowed: whoever may reinstall nothing there has no use for what others start its servers from.
    """
    decision = holds(actor, Permission.REINSTALL)
    if decision.allowed and actor.account_id is not None:
        return actor.account_id
    why = decision.reason if actor.account_id is not None else "it acts for no account"
    raise NotAllowed(f"You may not look at, use or change the boot scripts of your account: {why}.")


def names(session: Session, account_id: str) -> list[str]:
    query = select(BootScript.name).where(BootScript.account_id == account_id).order_by(BootScript.name)
    return list(session.scalars(query))


def saved(session: Session, account_id: str, name_or_id: str) -> BootScript:
    """The account's script of that name or id, its text loaded. Raises NotFound, the same for another account's."""
    mine = BootScript.account_id == account_id
    named = (BootScript.name == name_or_id) | (BootScript.id == name_or_id)
    by_name = BootScript.name != name_or_id  # a name may look like an id
    row = session.scalar(select(BootScript).where(mine, named).order_by(by_name).options(undefer(BootScript.script)))
    if row is None:
        raise NotFound(
            f"Your account keeps no boot script {name_or_id[:LONGEST_NAME]!r}. See the page “Boot scripts”, or: oobctl "
            "boot-script list"
        )
    return row


def complete(session: Session, actor: Actor, request: ScriptRequest) -> ScriptRequest:
    """With the text of a saved script, as who asks sees it at this moment. Raises NotFound, NotAllowed."""
    if request.saved is None:
        return request
    row = saved(session, check_may(actor), request.saved)
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
