"""Keys made, changed, deleted and looked at, with what each has used."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from tritium.accounts.key import Key, window
from tritium.accounts.key_table import KeyTable
from tritium.accounts.secret import Pepper, label_of, new_secret
from tritium.errors import NotFound
from tritium.ledger.sums import Sums
from tritium.storage.database import Database


class KeyUse(Struct, frozen=True):
    """A key and what it has used, in nano-dollars of known cost; `counted` is what counts against its limit now."""

    key: Key
    total: int
    daily: int
    weekly: int
    monthly: int
    counted: int

    @property
    def left(self) -> int | None:
        limit = self.key.limit_nanodollars
        return None if limit is None else max(limit - self.counted, 0)


class KeyBook:
    """Keys made, changed and looked at; blocks, and needs no gateway: the command line uses it alone.

    Everything raises StorageError when the database can't be used.
    """

    def __init__(self, database: Database, data_path: Path) -> None:
        self.table = KeyTable(database)
        self.pepper_path = data_path / "pepper"
        self.sums = Sums(database)

    def create(self, name: str, **fields: Any) -> tuple[Key, str]:
        """A new key and its secret, which is nowhere else. `fields` are those of Key."""
        secret = new_secret()
        pepper = Pepper.at(self.pepper_path)
        key = Key(pepper.digest(secret), name, label_of(secret), time.time(), **fields)
        self.table.add(key)
        return key, secret

    def change(self, key_hash: str, changes: Mapping[str, Any]) -> None:
        """Set fields of a key.

        Raises:
            NotFound: there is no such key.
        """
        if not self.table.change(key_hash, {**changes, "updated_at": time.time()}):
            raise _no_key(key_hash)

    def remove(self, key_hash: str) -> None:
        """Delete a key; what it spent stays in the ledger.

        Raises:
            NotFound: there is no such key.
        """
        if not self.table.remove(key_hash):
            raise _no_key(key_hash)

    def use(self, key_hash: str) -> KeyUse:
        """One key.

        Raises:
            NotFound: there is no such key.
        """
        key = self.table.get(key_hash)
        if key is None:
            raise _no_key(key_hash)
        return self._uses([key], key_hash)[0]

    def uses(self) -> list[KeyUse]:
        """All of them, the oldest first."""
        return self._uses(self.table.all()[1], None)

    def _uses(self, keys: list[Key], caller: str | None) -> list[KeyUse]:
        costs = self.costs(caller)
        now = time.time()
        found: list[KeyUse] = []
        for key in keys:
            limited = key.limit_nanodollars is not None
            counted = self.sums.counted(key.hash, window(key.limit_reset, now)[0]) if limited else 0
            found.append(KeyUse(key, *costs.get(key.hash, NOTHING), counted))
        return found

    def costs(self, caller: str | None) -> dict[str, tuple[int, int, int, int]]:
        """By caller: in all, today, this week, this month (UTC)."""
        now = time.time()
        starts = [window(reset, now)[0] for reset in (None, "daily", "weekly", "monthly")]
        return {name: (row[0], row[1], row[2], row[3]) for name, row in self.sums.costs(starts, caller).items()}


NOTHING = (0, 0, 0, 0)


def _no_key(key_hash: str) -> NotFound:
    return NotFound(f"There is no key {key_hash!r}.", param="hash")
