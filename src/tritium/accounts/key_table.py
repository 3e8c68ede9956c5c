"""The `keys` table, and a version beside it that changes with every change, so that others can look cheaply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tritium.accounts.key import Key
from tritium.storage.connection import Connection
from tritium.storage.database import Database

_LISTS = ("allowed_models", "allowed_providers")


class KeyTable:
    """Keys as they are stored. Everything blocks and raises StorageError when the database can't be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def version(self) -> int:
        """A number that is another one after every change, by whatever process."""
        with self._database.reading() as connection:
            return _version(connection)

    def any(self) -> bool:
        with self._database.reading() as connection:
            return connection.value("SELECT hash FROM keys LIMIT 1") is not None

    def all(self) -> tuple[int, list[Key]]:
        """The version and the keys, the oldest first."""
        with self._database.reading() as connection:
            version = _version(connection)
            return version, [_from_row(row) for row in connection.rows("SELECT * FROM keys ORDER BY created_at, hash")]

    def get(self, key_hash: str) -> Key | None:
        with self._database.reading() as connection:
            row = connection.row("SELECT * FROM keys WHERE hash = :hash", hash=key_hash)
        return None if row is None else _from_row(row)

    def add(self, key: Key) -> None:
        with self._database.writing() as connection:
            connection.insert("keys", _to_row(msgspec.structs.asdict(key)))
            _note_change(connection)

    def change(self, key_hash: str, changes: Mapping[str, Any]) -> bool:
        """Set fields of a Key; whether there is such a key."""
        row = _to_row(changes)
        fields = ", ".join(f"{name} = :{name}" for name in Key.__struct_fields__ if name in row)
        with self._database.writing() as connection:
            statement = f"UPDATE keys SET {fields} WHERE hash = :key_hash"  # noqa: S608 our own columns
            found = connection.change(statement, key_hash=key_hash, **row)
            _note_change(connection)
            return bool(found)

    def remove(self, key_hash: str) -> bool:
        """Delete a key; whether there was one. What it spent stays in the ledger."""
        with self._database.writing() as connection:
            found = connection.change("DELETE FROM keys WHERE hash = :hash", hash=key_hash)
            _note_change(connection)
            return bool(found)


def _version(connection: Connection) -> int:
    return connection.value("SELECT version FROM key_changes") or 0


def _note_change(connection: Connection) -> None:
    connection.change("UPDATE key_changes SET version = version + 1")  # its one row comes with the table


def _to_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(fields)
    for name in _LISTS:
        if row.get(name) is not None:
            row[name] = msgspec.json.encode(row[name]).decode()
    return row


def _from_row(row: dict[str, Any]) -> Key:
    fields = {**row, "disabled": bool(row["disabled"])}
    for name in _LISTS:
        if fields[name] is not None:
            fields[name] = tuple(msgspec.json.decode(fields[name], type=list[str]))
    return Key(**fields)
