"""The `keys` table, and a version beside it that changes with every change, so that others can look cheaply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    MetaData,
    RowMapping,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from tritium.accounts.key import Key
from tritium.storage.database import Database

METADATA = MetaData()
TABLE = Table(
    "keys",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("limit_nanodollars", BigInteger),
    Column("limit_reset", Text),
    Column("allowed_models", Text),
    Column("allowed_providers", Text),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double),
    Column("expires_at", Double),
)
CHANGES = Table(
    "key_changes",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
_LISTS = ("allowed_models", "allowed_providers")


class KeyTable:
    """Keys as they are stored. Everything blocks and raises StorageError when the database can't be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def version(self) -> int:
        """A number that is another one after every change, by whatever process."""
        with self._database.reading() as connection:
            return connection.execute(select(CHANGES.c.version)).scalar() or 0

    def any(self) -> bool:
        with self._database.reading() as connection:
            return connection.execute(select(TABLE.c.hash).limit(1)).scalar() is not None

    def all(self) -> tuple[int, list[Key]]:
        """The version and the keys, the oldest first."""
        with self._database.reading() as connection:
            version = connection.execute(select(CHANGES.c.version)).scalar() or 0
            rows = connection.execute(select(TABLE).order_by(TABLE.c.created_at, TABLE.c.hash)).mappings()
            return version, [_from_row(row) for row in rows]

    def get(self, key_hash: str) -> Key | None:
        with self._database.reading() as connection:
            row = connection.execute(select(TABLE).where(TABLE.c.hash == key_hash)).mappings().one_or_none()
        return None if row is None else _from_row(row)

    def add(self, key: Key) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(TABLE).values(**_to_row(msgspec.structs.asdict(key))))
            _note_change(connection)

    def change(self, key_hash: str, changes: Mapping[str, Any]) -> bool:
        """Set fields of a Key; whether there is such a key."""
        with self._database.writing() as connection:
            found = connection.execute(update(TABLE).where(TABLE.c.hash == key_hash).values(**_to_row(changes)))
            _note_change(connection)
            return bool(found.rowcount)

    def remove(self, key_hash: str) -> bool:
        """Delete a key; whether there was one. What it spent stays in the ledger."""
        with self._database.writing() as connection:
            found = connection.execute(delete(TABLE).where(TABLE.c.hash == key_hash))
            _note_change(connection)
            return bool(found.rowcount)


def _note_change(connection: Connection) -> None:
    connection.execute(update(CHANGES).values(version=CHANGES.c.version + 1))  # its one row comes with the table


def _to_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(fields)
    for name in _LISTS:
        if row.get(name) is not None:
            row[name] = msgspec.json.encode(row[name]).decode()
    return row


def _from_row(row: RowMapping) -> Key:
    fields = dict(row)
    for name in _LISTS:
        if fields[name] is not None:
            fields[name] = tuple(msgspec.json.decode(fields[name], type=list[str]))
    return Key(**fields)
