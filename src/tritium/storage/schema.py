"""Brings a database's schema up to this version's, all changes in one transaction."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tritium.errors import StorageError
from tritium.storage.connection import Connection

VERSION_TABLE = "tritium_version"

_MIGRATIONS = Path(__file__).with_name("migrations")
_MADE = f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
_READ = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 our own constant
_FORGOTTEN = f"DELETE FROM {VERSION_TABLE}"  # noqa: S608 our own constant


def is_current(connection: Connection, where: str) -> bool:
    """Whether the schema is this version's.

    Raises:
        StorageError: it is a newer version's.
    """
    return _version(connection, where) == revisions()[-1]


def upgrade(connection: Connection, where: str) -> None:
    """Apply what is missing, if nobody else has by now. The transaction must hold the right to write.

    Raises:
        StorageError: the schema is a newer version's.
    """
    if connection.dialect.migration_lock is not None:
        connection.value(connection.dialect.migration_lock)
    version = _version(connection, where)
    if version is None:
        connection.change(_MADE)
    for revision in revisions():
        if version is None or revision > version:
            _apply(connection, revision)
    connection.change(_FORGOTTEN)
    connection.insert(VERSION_TABLE, {"version_num": revisions()[-1]})


@cache
def revisions() -> list[str]:
    """All that this version knows, oldest first."""
    return sorted(path.stem[1:5] for path in _MIGRATIONS.glob("r*.sql"))


def _version(connection: Connection, where: str) -> str | None:
    if not connection.value(connection.dialect.find_table, name=VERSION_TABLE):
        return None
    version: str | None = connection.value(_READ)
    if version is not None and version not in revisions():
        raise StorageError(
            f"The database {where!r} was made by a newer version of Tritium (its schema is {version!r}, this version "
            f"knows up to {revisions()[-1]!r}). Upgrade Tritium, or name another database."
        )
    return version


def _apply(connection: Connection, revision: str) -> None:
    (file,) = _MIGRATIONS.glob(f"r{revision}_*.sql")
    for statement in file.read_text("utf-8").split(";\n"):
        if statement.strip():
            connection.change(statement)
