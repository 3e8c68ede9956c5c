"""The `allowances` table: how a limit that several processes spend is divided among them, to the nano-dollar.

A purse is one limit, in one period: a key's, or everybody's of a day. It has a row for what counts already (what calls
cost, and what is set aside for those under way), and one for each process: the slice that it was given and has not set
aside yet. Together they never exceed the limit: a slice is given in a transaction that looks at all of them, under a
lock. What a process sets aside of its slice moves from its row to the first one in the transaction that writes the
ledger's own rows, so that the first row can be counted anew from the ledger at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from tritium.ledger.sums import counted
from tritium.storage.connection import Connection
from tritium.storage.database import Database

SHARE = 16
"""A slice is this part of what is left of the limit, or what a call needs where that is more."""
EVERYBODY = "everybody"
"""The purse that all callers share; any other has its key's hash for a name."""

_COUNTED = ""
"""The owner of the row for what counts already."""


class Purse(NamedTuple):
    """One limit in the period that begins then (Unix seconds)."""

    name: str
    begins: int

    @property
    def caller(self) -> str | None:
        """Whose calls count; None for everybody's."""
        return None if self.name == EVERYBODY else self.name


class GiveBack(Struct, frozen=True):
    """Part of a slice that its owner doesn't need after all; negative where a call has cost more than there was."""

    purse: Purse
    owner: str
    nanodollars: int


class Granted(NamedTuple):
    """An answer to a process that asked for more; 0 if what it needs isn't there."""

    nanodollars: int
    committed: int
    """What of the limit is spent, set aside or given to somebody, this slice too."""


class Moves:
    """What one batch of the ledger's rows changes here, added up."""

    def __init__(self) -> None:
        self._counted: Counter[Purse] = Counter()
        self._slices: Counter[tuple[Purse, str]] = Counter()

    def count(self, purses: Iterable[Purse], owner: str, nanodollars: int) -> None:
        """So much of the owner's slices counts from now on; a negative amount is returned to them."""
        for purse in purses:
            self._counted[purse] += nanodollars
            self._slices[purse, owner] -= nanodollars

    def give_back(self, given: GiveBack) -> None:
        self._slices[given.purse, given.owner] -= given.nanodollars

    def carry_out(self, connection: Connection) -> None:
        """In an order that everybody keeps, so that nobody waits for each other; a row that is gone stays so."""
        rows = [(purse, _COUNTED, amount) for purse, amount in sorted(self._counted.items()) if amount]
        rows += [(purse, owner, amount) for (purse, owner), amount in sorted(self._slices.items()) if amount]
        for purse, owner, amount in rows:
            _add(connection, purse, owner, amount)


class Allowances:
    """The table. Everything blocks, and raises StorageError when the database can't be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def grant(self, purse: Purse, owner: str, limit: int, needed: int) -> Granted:
        """Give the owner a larger slice, if at least what it needs is left of the limit."""
        with self._database.writing() as connection:
            _lock(connection, purse)
            committed = _committed(connection, purse)
            left = limit - committed
            if left < needed:
                return Granted(0, committed)
            granted = max(needed, left // SHARE)
            if not _add(connection, purse, owner, granted):
                row = {"purse": purse.name, "begins": purse.begins, "owner": owner, "nanodollars": granted}
                connection.insert("allowances", row)
            return Granted(granted, committed + granted)

    def count_anew(self, purse: Purse) -> int:
        """Take what counts from the ledger; returns what is committed in all."""
        with self._database.writing() as connection:
            if _lock(connection, purse):
                _count(connection, purse)
            return _committed(connection, purse)

    def committed(self) -> dict[Purse, int]:
        """What is spent, set aside or given to somebody, of every purse there is."""
        query = "SELECT purse, begins, sum(nanodollars) AS nanodollars FROM allowances GROUP BY purse, begins"
        with self._database.reading() as connection:
            rows = connection.rows(query)
        return {Purse(row["purse"], int(row["begins"])): int(row["nanodollars"]) for row in rows}

    def owners(self) -> list[str]:
        """Who has a slice."""
        query = "SELECT DISTINCT owner FROM allowances WHERE owner <> :counted"
        with self._database.reading() as connection:
            return connection.values(query, counted=_COUNTED)

    def take_back(self, owner: str) -> None:
        """Its slices are nobody's any more; what it has set aside or spent counts on."""
        with self._database.writing() as connection:
            connection.change("DELETE FROM allowances WHERE owner = :owner", owner=owner)


def _lock(connection: Connection, purse: Purse) -> bool:
    """Nobody else changes the purse until the transaction ends; whether it was there already.

    A new one counts from the ledger, and those of periods before are dropped.
    """
    if _add(connection, purse, _COUNTED, 0):
        return True
    before = "DELETE FROM allowances WHERE purse = :purse AND begins < :begins"
    connection.change(before, purse=purse.name, begins=purse.begins)
    # Two may do so at the same time: the second waits here for the first, and finds its row.
    made = (
        "INSERT INTO allowances (purse, begins, owner, nanodollars) VALUES (:purse, :begins, :owner, 0) "
        "ON CONFLICT (purse, begins, owner) DO NOTHING"
    )
    connection.change(made, purse=purse.name, begins=purse.begins, owner=_COUNTED)
    _add(connection, purse, _COUNTED, 0)
    _count(connection, purse)
    return False


def _count(connection: Connection, purse: Purse) -> None:
    total = counted(connection, purse.caller, purse.begins)
    statement = (
        "UPDATE allowances SET nanodollars = :total WHERE purse = :purse AND begins = :begins AND owner = :owner"
    )
    connection.change(statement, total=total, purse=purse.name, begins=purse.begins, owner=_COUNTED)


def _committed(connection: Connection, purse: Purse) -> int:
    query = "SELECT sum(nanodollars) FROM allowances WHERE purse = :purse AND begins = :begins"
    return int(connection.value(query, purse=purse.name, begins=purse.begins))


def _add(connection: Connection, purse: Purse, owner: str, amount: int) -> bool:
    """Whether there is such a row."""
    statement = (
        "UPDATE allowances SET nanodollars = nanodollars + :amount "
        "WHERE purse = :purse AND begins = :begins AND owner = :owner"
    )
    return bool(connection.change(statement, amount=amount, purse=purse.name, begins=purse.begins, owner=owner))
