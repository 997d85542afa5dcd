"""What the API tells of recordings."""

from pydantic import BaseModel, Field

from oobctl.constants import ConsoleKind
from web.shapes import Moment


class RecordingShape(BaseModel):
    """What a console showed. It is watched at a gateway, with a key."""

    id: str
    server: str = Field(description="The server's id.")
    kind: ConsoleKind
    began_at: Moment
    ended_at: Moment | None = Field(description="null: it is being written.")
    ended_because: str | None
    size: int | None = Field(description="Bytes of its file.")
    sha256: str | None = Field(description="Of its file, in hex; in the audit record too.")
    whole: bool = Field(description="false: its gateway died; what it had written up to then is there.")
    consoles: list[str] = Field(description="The consoles that were open meanwhile.")
    removed_at: Moment | None
    removed_because: str | None


class RecordingList(BaseModel):
    items: list[RecordingShape]
    next: str | None


class WatchShape(BaseModel):
    """A way to the content."""

    websocket: str = Field(
        description="Send `{token}` as the first message; then `{type: index}`, and `{type: chunk, number}` for each "
        "chunk: FBS 1.0 of a screen, asciicast v2 of a serial line, joined. `{type: lines, words, before}` of a line's."
    )
    token: str = Field(description="Good for a minute, once.")
