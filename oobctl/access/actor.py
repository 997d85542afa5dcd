"""The actor: a user or a token, in one role for one account, at an address."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from oobctl.constants import STAFF_ROLES, Permission, Role


@dataclass(frozen=True)
class Actor:
    """Who acts. `id` is the user's or token's id; `user_id` the user a token acts for, `token` the token's name.

    permissions: what a token is limited to; None where it has all that its role gives.
    """

    kind: str  # user, token, system
    id: str
    name: str
    account_id: str | None
    role: Role | None
    user_id: str | None = None
    permissions: tuple[Permission, ...] | None = None
    address: str | None = None
    user_agent: str | None = None
    token: str | None = None

    @property
    def is_staff(self) -> bool:
        return self.kind == "system" or self.role in STAFF_ROLES

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What to_json gave."""
        permissions = content.get("permissions")
        return cls(
            **{
                **content,
                "role": Role(content["role"]) if content.get("role") else None,
                "permissions": None if permissions is None else tuple(Permission(name) for name in permissions),
            }
        )


SYSTEM = Actor(kind="system", id="00000000-0000-0000-0000-000000000000", name="oobctl", account_id=None, role=None)
"""oobctl itself: what the monitor and the recovery do by themselves."""
