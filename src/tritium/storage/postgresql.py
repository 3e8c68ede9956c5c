"""PostgreSQL by its address, which libpq reads: the same forms as psql takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tritium.errors import StorageError
from tritium.storage.connection import Dialect

_CONNECT_SECONDS = 10
"""For each address of a server's name; libpq itself would wait for minutes. `?connect_timeout=` says otherwise."""

_LOCK = 0x7472697469756D
"""The advisory lock under which we migrate: "tritium" in ASCII."""

_LOCK_NOT_AVAILABLE = "55P03"
"""The code for a `lock_timeout` that has passed."""


@lru_cache(maxsize=256)
def _spoken(statement: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", statement.replace("%", "%%"))


_DIALECT = Dialect(
    placeholder="%s",
    spoken=_spoken,
    find_table="SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name",
    migration_lock=f"SELECT pg_advisory_xact_lock({_LOCK})",
)


class PostgresqlServer:
    """A `Driver` for a server. Transactions begin by themselves."""

    embedded = False
    dialect = _DIALECT

    def __init__(self, address: str) -> None:
        """`address` is a URI as libpq takes it.

        Raises:
            StorageError: it can't be read.
        """
        try:
            named = conninfo_to_dict(address)
        except psycopg.Error:  # not quoted: it may hold a password
            raise StorageError(
                "The database's address can't be read. Write 'postgresql://USER@HOST:PORT/NAME'."
            ) from None
        self.where = _shown(address)
        self._parameters: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, **named}

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self._parameters)

    def usable(self, connection: psycopg.Connection[Any]) -> bool:
        """Servers restart, and firewalls forget."""
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def begin(self, _connection: psycopg.Connection[Any], *, writing: bool) -> None:
        pass

    def adopt(self, _connection: psycopg.Connection[Any]) -> None:
        pass

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError):
            raise
        except psycopg.Error as error:
            raise StorageError(_explanation(error, self.where)) from error


def _explanation(error: psycopg.Error, where: str) -> str:
    if error.sqlstate == _LOCK_NOT_AVAILABLE:
        return f"The database {where!r} is locked by another process. Wait for it, or end it."
    said = str(error).strip().partition("\n")[0]
    return f"The database {where!r} can't be used: {said}. Check that its server runs, lets us in and has our tables."


def _shown(address: str) -> str:
    """Without the password, wherever it stands, and the other options."""
    parts = urlsplit(address)
    who, at, place = parts.netloc.rpartition("@")
    return f"postgresql://{who.partition(':')[0]}{at}{place}{parts.path}"
