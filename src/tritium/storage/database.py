"""The one database, handed out in transactions: SQLite in a file, or PostgreSQL by another address.

Invariant: a `Database` that exists has the schema this version expects.
SQL lives with the owner of the table it speaks of; nobody else writes any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, OperationalError

from tritium.errors import StorageError
from tritium.storage import schema
from tritium.storage.faults import explained, is_busy

_BUSY_POLL_SECONDS = 0.01
_CONNECT_SECONDS = "10"
"""For each address of a server's name; the driver itself would wait for minutes. `?connect_timeout=` says otherwise."""


class Database:
    """Where everything durable is kept. Any thread may use it; calls block, so keep them off the event loop.

    `where` is the file's path or the address without its password, for messages to people.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine = engine
        self.where = where
        self._writing_engine = engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")

    @classmethod
    def open(cls, location: str | Path, *, busy_seconds: float = 5.0) -> Database:
        """Open the database at a path or a URL, creating the file and its folder, and bring its schema up to date.

        Any number of processes may do so at the same time. `busy_seconds` is how long to wait for another one's write.

        Raises:
            StorageError: it can't be opened, created or migrated; says what, where and what to do.
        """
        url = _address(location)
        embedded = url.get_backend_name() == "sqlite"
        if embedded:
            database = cls(_sqlite_engine(url, busy_seconds), _prepared_file(url))
        else:
            database = cls(_server_engine(url), _shown(url))
        try:
            if embedded:
                database._adopt_file(busy_seconds)
            database._migrate()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this machine's, and not a server."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reads; with SQLite it sees one and the same state throughout.

        Raises:
            StorageError: the database can't be read.
        """
        with explained(self.where), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed when left, rolled back when left by an error.

        SQLite's write lock is taken at the start: a transaction that only asks for it midway can't wait for it.

        Raises:
            StorageError: the database can't be written. What the data itself is to blame for (a constraint, a number
                too large) comes out as the driver raised it.
        """
        with explained(self.where), self._writing_engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.engine.dispose()

    def _adopt_file(self, busy_seconds: float) -> None:
        """Make sure that the file is ours, and that its readers and its writer don't block each other."""
        bare = self.engine.execution_options(sqlite_begin=None)  # the journal can't be switched within a transaction
        with explained(self.where), bare.connect() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
            if tables and schema.VERSION_TABLE not in tables:
                raise StorageError(
                    f"The file {self.where!r} is another program's SQLite database (its tables: "
                    f"{', '.join(sorted(tables)[:5])}). Name a file of Tritium's own."
                )
            deadline = time.monotonic() + busy_seconds
            while not _switched_to_wal(connection, last_try=time.monotonic() > deadline):
                time.sleep(_BUSY_POLL_SECONDS)

    def _migrate(self) -> None:
        with self.reading() as connection:
            if schema.is_current(connection, self.where):
                return
        with self.writing() as connection:
            schema.upgrade(connection, self.where)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are.

    Each row has every column, as a value the driver takes as it is: rows come by the hundred thousand, and
    SQLAlchemy's own way of binding them doubles what they cost.
    """
    if not rows:
        return
    insertion = _insertion(table, connection.dialect)
    rest = 0
    if insertion.many is not None:
        # sqlite3 lets go of the interpreter lock once per statement. A statement per row would hand it to and fro
        # with a busy event loop at every row, which costs both of them several times the insertion itself.
        rest = len(rows) - len(rows) % _ROWS_AT_ONCE
        for start in range(0, rest, _ROWS_AT_ONCE):
            together = chain.from_iterable(map(insertion.bind, rows[start : start + _ROWS_AT_ONCE]))
            connection.exec_driver_sql(insertion.many, tuple(together))
    if rest < len(rows):
        connection.exec_driver_sql(insertion.one, [insertion.bind(row) for row in rows[rest:]])


_ROWS_AT_ONCE = 50
"""Times the columns it must stay below SQLite's limit of 32,766 parameters."""


class _Insertion(NamedTuple):
    """Statements in the driver's own words, and what makes their parameters of a row."""

    one: str
    many: str | None
    """For `_ROWS_AT_ONCE` rows; None for drivers that send many rows together by themselves."""
    bind: Callable[[Mapping[str, Any]], Any]


@lru_cache(maxsize=64)
def _insertion(table: Table, dialect: Dialect) -> _Insertion:
    insert: Any = sqlite.insert
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 most never need it, and it is slow to import

        insert = postgresql.insert
    compiled = insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key)).compile(dialect=dialect)
    names = compiled.positiontup
    if names is None:
        return _Insertion(str(compiled), None, dict)
    row = f"({', '.join('?' * len(names))})"
    before, values, after = str(compiled).partition(row)
    many = before + ", ".join([values] * _ROWS_AT_ONCE) + after if values else None
    return _Insertion(str(compiled), many, lambda row: tuple([row[name] for name in names]))


def _address(location: str | Path) -> URL:
    if isinstance(location, Path) or "://" not in location:
        return URL.create("sqlite", database=str(Path(location).expanduser()))
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):  # not quoted: it may hold a password
        raise StorageError(
            "The database's address can't be read. Write a path, 'sqlite:///FILE' or 'postgresql://USER@HOST/NAME'."
        ) from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        return url
    hidden = url.query.get("password")
    if isinstance(hidden, str):  # to where it is left out of what is shown
        url = url.difference_update_query(["password"]).set(password=hidden)
    return url.set(drivername="postgresql+psycopg")


def _shown(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _prepared_file(url: URL) -> str:
    """The path of the database's file; made, if need be, for its owner's eyes only, as it holds prompts."""
    if url.database in (None, "", ":memory:"):
        raise StorageError("A database in memory can't be shared between threads. Name a file, such as 'tritium.db'.")
    path = Path(str(url.database))
    try:
        if path.is_dir():
            raise StorageError(
                f"The database {str(path)!r} is a folder. Name a file, such as {str(path / 'tritium.db')!r}."
            )
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
    except OSError as error:
        raise StorageError(
            f"The database {str(path)!r} can't be created: {error.strerror} ({error.filename!r}). "
            "Name a file in a folder that may be written to."
        ) from None
    return str(path)


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    # isolation_level None: Python's driver begins no transactions of its own, `_begin` does.
    driver = {"timeout": busy_seconds, "isolation_level": None}
    engine = create_engine(url, connect_args=driver, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _server_engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS, **url.query})
    try:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except (ImportError, ArgumentError) as error:
        raise StorageError(
            f"No driver for the database {_shown(url)!r}: {error}. "
            "Install it (for PostgreSQL: pip install 'tritium[postgres]'), or use a SQLite file."
        ) from None


def _configure(connection: Any, _record: object) -> None:
    # normal: a power cut may cost the last commits, never the file; a crash of the process costs nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


def _switched_to_wal(connection: Connection, *, last_try: bool) -> bool:
    """Whether the file keeps a write-ahead log now. SQLite doesn't wait for other openers here, so the caller must."""
    try:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except OperationalError as error:
        if last_try or not is_busy(error):
            raise
        return False
    return True
