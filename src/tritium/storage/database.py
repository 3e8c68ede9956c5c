"""The one database, handed out in transactions: SQLite in a file, or PostgreSQL by another address.

Invariant: a `Database` that exists has the schema this version expects.
SQL is written out, in words that both understand, and lives with the owner of the table it speaks of; nobody else
writes any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tritium.errors import StorageError
from tritium.storage import schema
from tritium.storage.connection import Connection, Dialect
from tritium.storage.pool import Pool
from tritium.storage.sqlite import SqliteFile


class Driver(Protocol):
    """A kind of database: how its connections are made and begun, and what its errors mean."""

    embedded: bool
    """Whether it is a file of this machine's, and not a server."""
    where: str
    dialect: Dialect

    def adopt(self, connection: Any) -> None:
        """Make the place ready for us, before anything else is asked.

        Raises:
            StorageError: it is somebody else's.
        """

    def connect(self) -> Any:
        """A new connection, as the driver makes it."""

    def usable(self, connection: Any) -> bool:
        """Whether one that has rested can be used again."""

    def begin(self, connection: Any, *, writing: bool) -> None:
        """Begin a transaction."""

    def explained(self) -> AbstractContextManager[None]:
        """Raise what is wrong with the database as a StorageError; let through what is wrong with the data."""


class Database:
    """Where everything durable is kept. Any thread may use it; calls block, so keep them off the event loop.

    `where` is the file's path or the address without its password, for messages to people.
    """

    def __init__(self, driver: Driver) -> None:
        self.where = driver.where
        self.embedded = driver.embedded
        self._driver = driver
        self._pool = Pool(driver.connect, driver.usable)

    @classmethod
    def open(cls, location: str | Path, *, busy_seconds: float = 5.0) -> Database:
        """Open the database at a path or a URL, creating the file and its folder, and bring its schema up to date.

        Any number of processes may do so at the same time. `busy_seconds` is how long to wait for another one's write.

        Raises:
            StorageError: it can't be opened, created or migrated; says what, where and what to do.
        """
        database = cls(_driver(location, busy_seconds))
        try:
            database._adopt()
            database._migrate()
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reads; with SQLite it sees one and the same state throughout.

        Raises:
            StorageError: the database can't be read.
        """
        with self._driver.explained(), self._pool.lent() as lent:
            self._driver.begin(lent, writing=False)
            yield Connection(lent, self._driver.dialect)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed when left, rolled back when left by an error.

        SQLite's write lock is taken at the start: a transaction that only asks for it midway can't wait for it.

        Raises:
            StorageError: the database can't be written. What the data itself is to blame for (a constraint, a number
                too large) comes out as the driver raised it.
        """
        with self._driver.explained(), self._pool.lent() as lent:
            self._driver.begin(lent, writing=True)
            yield Connection(lent, self._driver.dialect)
            lent.commit()

    def close(self) -> None:
        """Close the connections that are not in use, and the others as they come back."""
        self._pool.close()

    def _adopt(self) -> None:
        with self._driver.explained(), self._pool.lent() as lent:
            self._driver.adopt(lent)

    def _migrate(self) -> None:
        with self.reading() as connection:
            if schema.is_current(connection, self.where):
                return
        with self.writing() as connection:
            schema.upgrade(connection, self.where)


def _driver(location: str | Path, busy_seconds: float) -> Driver:
    if isinstance(location, Path) or "://" not in location:
        return SqliteFile(str(Path(location).expanduser()), busy_seconds)
    scheme, _, rest = location.partition("://")
    if scheme == "sqlite":
        return SqliteFile(rest.removeprefix("/"), busy_seconds)
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):  # not quoted: it may hold a password
        raise StorageError(
            "The database's address can't be read. Write a path, 'sqlite:///FILE' or 'postgresql://USER@HOST/NAME'."
        )
    try:
        from tritium.storage.postgresql import PostgresqlServer  # noqa: PLC0415 an extra, and slow to import
    except ImportError as error:
        raise StorageError(
            f"No driver for a PostgreSQL database: {error}. "
            "Install it (pip install 'tritium[postgres]'), or use a SQLite file."
        ) from None
    return PostgresqlServer(f"postgresql://{rest}")
