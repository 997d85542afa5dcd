"""A BMC's users: the factory's administrator at first, then as they were changed over IPMI or Redfish."""

import hashlib
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from oobctl.lab import user_table
from oobctl.lab.credentials import write_secret
from oobctl.lab.errors import LabRefused
from oobctl.lab.user_table import ADMINISTRATOR, FIRST, User

LARGEST_NUMBER = 16  # as many as real BMCs have; ipmi_sim itself has 63


class BmcUsers:
    """One table for both protocols, in ipmi_sim's own file. It is written only while no simulator runs on it."""

    def __init__(self, path: Path, *, user: str, password: str) -> None:
        self.path = path
        self._factory = User(FIRST, user, password, privilege=ADMINISTRATOR, enabled=True, max_sessions=10)
        self._mark = path.with_name("users.factory")
        self._held = path.with_name("users.held")

    def prepare(self) -> None:
        """Before the BMC starts: factory users where there are none or the rack's are new, and no fault's traces."""
        if not self.path.exists() or not self._mark.exists() or self._mark.read_text() != self._digest():
            self.reset()
        self.disguise(changed=False)

    def reset(self) -> None:
        """The factory's administrator and nobody else, with the password that rack.json names."""
        user_table.write(self.path, [self._factory])
        write_secret(self._mark, self._digest())
        self._held.unlink(missing_ok=True)

    def all(self) -> dict[int, User]:
        return user_table.read(self.path)

    def administrator(self) -> User | None:
        """Some user who may do everything; None where there is none left."""
        return next((user for user in self.all().values() if user.is_administrator), None)

    def change(self, number: int, changes: dict[str, Any]) -> None:
        """Change or make the user of a number: name, password, privilege, enabled. Raises LabRefused."""
        users = self.all()
        if not FIRST <= number <= LARGEST_NUMBER:
            raise LabRefused(f"The BMC has no user {number}.")
        user = users.get(number) or User(number, "", "", max_sessions=10)
        users[number] = replace(user, **changes)
        self._write(users)

    def remove(self, number: int) -> None:
        """Remove a user. Raises LabRefused where there is none, or it is the last administrator."""
        users = self.all()
        if users.pop(number, None) is None:
            raise LabRefused(f"The BMC has no user {number}.")
        self._write(users)

    def disguise(self, *, changed: bool) -> None:
        """Give the first user a password that nobody knows, or its own one back: the fault `bmc-password-changed`."""
        if changed and not self._held.exists():
            user_table.write(self._held, self.all().values())
            self._give_password(secrets.token_urlsafe(12))
        elif not changed and self._held.exists():
            held = user_table.read(self._held).get(FIRST)
            if held:
                self._give_password(held.password)
            self._held.unlink()

    def _give_password(self, password: str) -> None:
        users = self.all()
        if FIRST in users:
            users[FIRST] = replace(users[FIRST], password=password)
            user_table.write(self.path, users.values())

    def _write(self, users: dict[int, User]) -> None:
        if not any(user.is_administrator for user in users.values()):
            raise LabRefused("The BMC keeps its last administrator.")
        user_table.write(self.path, users.values())

    def _digest(self) -> str:
        secret = f"{self._factory.name}\0{self._factory.password}"
        return hashlib.sha256(secret.encode()).hexdigest()
