"""What a database's driver reports, in the words of the person who must act."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from tritium.errors import StorageError

_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a `lock_timeout` that has passed."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Raise what is wrong with the database at `where` as a StorageError; let through what is wrong with the data."""
    try:
        yield
    except DBAPIError as error:
        if _is_of_the_data(error):
            raise
        raise StorageError(_explanation(error, where)) from error
    except NoConnectionFree as error:
        raise StorageError(
            f"All connections to the database {where!r} are in use. Fewer reads at a time, or shorter ones."
        ) from error


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite gave up waiting for somebody else's lock."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_of_the_data(error: DBAPIError) -> bool:
    if isinstance(error, DataError | IntegrityError):
        return True
    # SQLite's driver reports a value it can't bind as one of these; a server, a missing table or right.
    return isinstance(error, InterfaceError | ProgrammingError) and isinstance(error.orig, sqlite3.Error)


def _explanation(error: DBAPIError, where: str) -> str:
    database = f"The database {where!r}"
    if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return f"{database} is locked by another process. Wait for it, or end it."
    match _sqlite_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{database} is locked by another process. Wait for it, or end it."
        case sqlite3.SQLITE_FULL:
            return f"{database} can't grow: the disk is full. Free some space."
        case sqlite3.SQLITE_NOTADB:
            return f"{database} is not an SQLite file. Name another file, or move this one away."
        case sqlite3.SQLITE_CORRUPT:
            return f"{database} is damaged: {error.orig}. Restore a copy, or save what can be read with '.recover'."
        case sqlite3.SQLITE_READONLY:
            return f"{database} is read-only. Allow writing to the file and its folder, or name another file."
        case sqlite3.SQLITE_CANTOPEN:
            return f"{database} can't be opened. Check that its folder exists and that both may be read and written."
        case sqlite3.SQLITE_IOERR:
            return f"{database} can't be read or written: {error.orig}. Check the disk."
        case None:
            said = str(error.orig).strip().partition("\n")[0]
            return f"{database} can't be used: {said}. Check that its server runs, lets us in and has our tables."
        case _:
            return f"{database} can't be used: {error.orig}."


def _sqlite_code(error: DBAPIError) -> int | None:
    """SQLite's primary result code: its extended codes keep the reason in the upper bits."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
