"""What the API tells of consoles."""

from pydantic import BaseModel, Field

from oobctl.constants import ConsoleKind, ConsoleMode
from web.shapes import Moment


class ConsoleShape(BaseModel):
    """A console that is open now."""

    id: str
    kind: ConsoleKind
    mode: ConsoleMode
    who: str
    opened_at: Moment | None


class ConsoleList(BaseModel):
    items: list[ConsoleShape]
    next: str | None


class OpenedShape(BaseModel):
    """A console that may be opened until expires_at."""

    id: str
    kind: ConsoleKind
    mode: ConsoleMode
    url: str = Field(description="Its page, for a browser that is signed in as you.")
    websocket: str | None = Field(
        description="Where a program opens it: the token goes there as the first message. null: of kind oem."
    )
    launch: str | None = Field(
        description="Of kind oem: where a browser posts the token, as the field `key` of a form. null: of the others."
    )
    token: str = Field(description="Used once, told once.")
    expires_at: Moment


class ShareShape(BaseModel):
    """A link that lets others in, without its secret."""

    id: str
    kind: ConsoleKind
    mode: ConsoleMode
    by: str
    created_at: Moment
    expires_at: Moment


class ShareMade(ShareShape):
    url: str = Field(description="The link; told once. What follows its # is its secret, and reaches no server's log.")


class ShareList(BaseModel):
    items: list[ShareShape]
    next: str | None
