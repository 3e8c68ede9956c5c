"""How the processes of one gateway know which of them still live, so that what a dead one left open can be settled.

On one machine, where the database is a file, each keeps a file locked (`lease.py`): the operating system tells at once.
Around a server, wherever they run and whatever their folders, each signs a row of its `processes` table: who has not
signed for `DEAD_SECONDS` is dead. That is judged only by who has been in touch with the server for as long, so a server
that was away makes nobody dead.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tritium.errors import StorageError
from tritium.storage.database import Database
from tritium.storage.lease import Lease, forget_dead, is_dead

DEAD_SECONDS = 30.0
FOREIGN_SECONDS = 86_400
"""A name that is in no table may be an older version's process: what it left open is settled when it is so old."""

Dead = Callable[[str, float], bool]
"""Whether a process is dead, from its name and from when it began something (Unix seconds)."""


class Presence(Protocol):
    """This process's sign of life, and how to tell others'."""

    @property
    def name(self) -> str:
        """Of this process. Others count it as living from the first time that this is asked; blocks then.

        Raises:
            StorageError: the sign can't be given.
        """
        ...

    def sign(self) -> bool:
        """Give it anew; False if the others had taken us for dead by now.

        Raises:
            StorageError: it can't be given.
        """
        ...

    def dead(self) -> Dead | None:
        """How to tell the dead; None if that can't be told yet. Who is dead is found out when it is first asked: ask
        once you know the names, since who is named later may have been born later.

        Raises:
            StorageError: the others' signs can't be read; when it is asked, too.
        """
        ...

    def close(self) -> None:
        """Everything that was begun in our name is settled."""
        ...


def presence(database: Database) -> Presence:
    """As fits the database."""
    return FilePresence(Path(database.where).parent / "running") if database.embedded else TablePresence(database)


class FilePresence:
    """A locked file, beside the database's own, so that all who use that find it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lease: Lease | None = None
        self._taking = threading.Lock()

    @property
    def name(self) -> str:
        if self._lease is None:
            with self._taking:
                try:
                    self._lease = self._lease or Lease(self._folder)
                except OSError as error:
                    raise StorageError(f"Can't write to {str(self._folder)!r}: {error.strerror}.") from None
        return self._lease.name

    def sign(self) -> bool:
        return True

    def dead(self) -> Dead:
        forget_dead(self._folder)
        return lambda name, _began: is_dead(self._folder, name)

    def close(self) -> None:
        if self._lease is not None:
            self._lease.close()
            self._lease = None


class TablePresence:
    """A row of the `processes` table, signed by the server's clock."""

    def __init__(self, database: Database, *, dead_seconds: float = DEAD_SECONDS) -> None:
        self._database = database
        self._dead_seconds = dead_seconds
        self._name = f"{_OURS}{socket.gethostname()}/{secrets.token_hex(8)}"
        self._signed = False
        self._signed_at = 0.0
        self._in_touch_since: float | None = None
        """Since when we have signed without a gap in which others may not have been able to, either."""
        self._signing = threading.Lock()

    @property
    def name(self) -> str:
        if not self._signed:
            self.sign()
        return self._name

    def sign(self) -> bool:
        with self._signing:
            try:
                with self._database.writing() as connection:
                    statement = f"UPDATE processes SET seen_at = {_NOW} WHERE name = :name"  # noqa: S608 our own words
                    known = connection.change(statement, name=self._name)
                    if not known:
                        statement = f"INSERT INTO processes (name, seen_at) VALUES (:name, {_NOW})"  # noqa: S608
                        connection.change(statement, name=self._name)
            except StorageError:
                self._in_touch_since = None
                raise
            now = time.time()  # which goes on while a machine sleeps
            if self._in_touch_since is None or now - self._signed_at > self._dead_seconds / 2:
                self._in_touch_since = now
            self._signed_at = now
            forgotten = self._signed and not known
            self._signed = True
        return not forgotten

    def dead(self) -> Dead | None:
        since = self._in_touch_since
        if since is None or time.time() - since < self._dead_seconds:
            return None
        with self._database.writing() as connection:
            # For everybody: whose row is gone has lost its slices, and learns of it when it signs next.
            statement = f"DELETE FROM processes WHERE seen_at < {_NOW} - :seconds"  # noqa: S608 our own words
            connection.change(statement, seconds=self._dead_seconds)
        living: set[str] | None = None

        def is_dead(name: str, began: float) -> bool:
            nonlocal living
            if living is None:
                with self._database.reading() as connection:
                    living = set(connection.values("SELECT name FROM processes"))
            return name not in living and time.time() - began > _patience(name)

        return is_dead

    def close(self) -> None:
        if self._signed:
            with suppress(StorageError), self._database.writing() as connection:  # else it is taken for dead in time
                connection.change("DELETE FROM processes WHERE name = :name", name=self._name)


def _patience(name: str) -> float:
    """How old what it began must be."""
    return 0.0 if name.startswith(_OURS) else FOREIGN_SECONDS


_OURS = "@"
"""Begins the names of those who sign the table."""

_NOW = "extract(epoch FROM clock_timestamp())"
