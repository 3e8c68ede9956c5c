"""SQLite in a file: made for its owner's eyes only, with a write-ahead log, and its errors in plain words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tritium.errors import StorageError
from tritium.storage.connection import Dialect
from tritium.storage.schema import VERSION_TABLE

_BUSY_POLL_SECONDS = 0.01
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_DIALECT = Dialect(
    placeholder="?",
    spoken=str,
    find_table="SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name",
    migration_lock=None,
)


class SqliteFile:
    """A `Driver` for a file. `busy_seconds` is how long to wait for somebody else's write."""

    embedded = True
    dialect = _DIALECT

    def __init__(self, path: str, busy_seconds: float) -> None:
        """Make the file, if need be.

        Raises:
            StorageError: there can't be a file.
        """
        self.where = _prepared(path)
        self._busy_seconds = busy_seconds

    def connect(self) -> sqlite3.Connection:
        # isolation_level None: Python's driver begins no transactions of its own, `begin` does.
        connection = sqlite3.connect(
            self.where, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            # normal: a power cut may cost the last commits, never the file; a crash of the process costs nothing.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def usable(self, _connection: sqlite3.Connection) -> bool:
        return True

    def begin(self, connection: sqlite3.Connection, *, writing: bool) -> None:
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def adopt(self, connection: sqlite3.Connection) -> None:
        """Make sure that the file is ours, and that its readers and its writer don't block each other."""
        tables = [name for (name,) in connection.execute(_TABLES)]
        if tables and VERSION_TABLE not in tables:
            raise StorageError(
                f"The file {self.where!r} is another program's SQLite database (its tables: "
                f"{', '.join(sorted(tables)[:5])}). Name a file of Tritium's own."
            )
        deadline = time.monotonic() + self._busy_seconds
        while not _switched_to_wal(connection, last_try=time.monotonic() > deadline):
            time.sleep(_BUSY_POLL_SECONDS)

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError):
            raise  # the latter two are a value that can't be bound
        except sqlite3.Error as error:
            raise StorageError(_explanation(error, self.where)) from error


def _prepared(path: str) -> str:
    """The path of the database's file; made, if need be, for its owner's eyes only, as it holds prompts."""
    if path in ("", ":memory:"):
        raise StorageError("A database in memory can't be shared between threads. Name a file, such as 'tritium.db'.")
    file = Path(path)
    try:
        if file.is_dir():
            raise StorageError(
                f"The database {str(file)!r} is a folder. Name a file, such as {str(file / 'tritium.db')!r}."
            )
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
    except OSError as error:
        raise StorageError(
            f"The database {str(file)!r} can't be created: {error.strerror} ({error.filename!r}). "
            "Name a file in a folder that may be written to."
        ) from None
    return str(file)


def _switched_to_wal(connection: sqlite3.Connection, *, last_try: bool) -> bool:
    """Whether the file keeps a write-ahead log now. SQLite doesn't wait for other openers here, so the caller must."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if last_try or _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        return False
    return True


def _explanation(error: sqlite3.Error, where: str) -> str:
    database = f"The database {where!r}"
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{database} is locked by another process. Wait for it, or end it."
        case sqlite3.SQLITE_FULL:
            return f"{database} can't grow: the disk is full. Free some space."
        case sqlite3.SQLITE_NOTADB:
            return f"{database} is not an SQLite file. Name another file, or move this one away."
        case sqlite3.SQLITE_CORRUPT:
            return f"{database} is damaged: {error}. Restore a copy, or save what can be read with '.recover'."
        case sqlite3.SQLITE_READONLY:
            return f"{database} is read-only. Allow writing to the file and its folder, or name another file."
        case sqlite3.SQLITE_CANTOPEN:
            return f"{database} can't be opened. Check that its folder exists and that both may be read and written."
        case sqlite3.SQLITE_IOERR:
            return f"{database} can't be read or written: {error}. Check the disk."
        case _:
            return f"{database} can't be used: {error}."


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code: its extended codes keep the reason in the upper bits."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
