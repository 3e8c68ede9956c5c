"""Reading a table newest first, a page at a time: a page begins after a row, so new rows shift nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select, tuple_

from tritium.errors import NotFound


def newest(
    connection: Connection, table: Table, query: Select[Any], limit: int, before: str | None
) -> list[RowMapping]:
    """Up to `limit` rows of `query` over `table`, those older than the row with the id `before` if given.

    Raises:
        NotFound: there is no row with the id `before`.
    """
    age = table.c.created_at, table.c.id
    query = query.order_by(*(column.desc() for column in age)).limit(limit)
    if before is not None:
        edge = connection.execute(select(*age).where(table.c.id == before)).one_or_none()
        if edge is None:
            raise NotFound(f"No row {before!r} in the {table.name} to go on from. Start again without 'before'.")
        query = query.where(tuple_(*age) < tuple_(*edge))
    return list(connection.execute(query).mappings())
