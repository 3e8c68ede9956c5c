"""A transaction, and the few ways to speak SQL in it: parameters are named, `:name`, whatever the driver calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

_ROWS_AT_ONCE = 50
"""Times the columns it must stay below SQLite's limit of 32,766 parameters."""


class Dialect(NamedTuple):
    """Where two databases' words differ."""

    placeholder: str
    """Stands for a parameter that has no name."""
    spoken: Callable[[str], str]
    """Makes of a statement with `:name` what the driver takes."""
    find_table: str
    """Counts the tables called `:name`."""
    migration_lock: str | None
    """Makes others wait who would change the schema too; None where a transaction that writes does so anyway."""


class Connection:
    """What goes on in a transaction. Names of columns and tables are ours; what comes from elsewhere is a parameter."""

    def __init__(self, lent: Any, dialect: Dialect) -> None:
        """`lent` is the driver's own connection (DB-API 2.0)."""
        self._lent = lent
        self.dialect = dialect

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """All that is found, by the columns' names. SQLite has no booleans: there they are 0 and 1."""
        cursor = self._execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, query: str, **parameters: Any) -> dict[str, Any] | None:
        """The first that is found, if any."""
        return next(iter(self.rows(query, **parameters)), None)

    def values(self, query: str, **parameters: Any) -> list[Any]:
        """The first column."""
        return [row[0] for row in self._execute(query, parameters)]

    def value(self, query: str, **parameters: Any) -> Any:
        """The first row's first column; None if there is no row."""
        row = self._execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def change(self, statement: str, **parameters: Any) -> int:
        """How many rows it changed."""
        return int(self._execute(statement, parameters).rowcount)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert a row that is not there yet."""
        self._lent.execute(_insertion(table, tuple(row), self.dialect.placeholder, 1), tuple(row.values()))

    def insert_new(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows whose primary key, their first column, is not there yet; the others stay as they are."""
        if not rows:
            return
        # sqlite3 lets go of the interpreter lock once per statement. A statement per row would hand it to and fro
        # with a busy event loop at every row, which costs both of them several times the insertion itself.
        rest = len(rows) - len(rows) % _ROWS_AT_ONCE
        placeholder, leave_others = self.dialect.placeholder, f" ON CONFLICT ({columns[0]}) DO NOTHING"
        for start in range(0, rest, _ROWS_AT_ONCE):
            together = chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])
            many = _insertion(table, columns, placeholder, _ROWS_AT_ONCE) + leave_others
            self._lent.execute(many, tuple(together))
        if rest < len(rows):
            one = _insertion(table, columns, placeholder, 1) + leave_others
            self._lent.cursor().executemany(one, rows[rest:])

    def _execute(self, statement: str, parameters: Mapping[str, Any]) -> Any:
        if not parameters:
            return self._lent.execute(statement)
        return self._lent.execute(self.dialect.spoken(statement), parameters)


def one_of(name: str, values: Iterable[Any]) -> tuple[str, dict[str, Any]]:
    """What stands behind `IN`, and its parameters."""
    named = {f"{name}_{number}": value for number, value in enumerate(values)}
    return f"({', '.join(f':{each}' for each in named)})", named


@lru_cache(maxsize=64)
def _insertion(table: str, columns: Sequence[str], placeholder: str, rows: int) -> str:
    row = f"({', '.join([placeholder] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 names are ours
