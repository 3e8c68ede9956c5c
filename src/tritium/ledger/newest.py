"""Reading a table newest first, a page at a time: a page begins after a row, so new rows shift nothing."""

from __future__ import annotations

from typing import Any

from tritium.errors import NotFound
from tritium.storage.connection import Connection


def newest(
    connection: Connection, table: str, query: str, limit: int, before: str | None, **parameters: Any
) -> list[dict[str, Any]]:
    """Up to `limit` rows of `query` over `table`, those older than the row with the id `before` if given.

    `query` ends with its conditions; there is at least one.

    Raises:
        NotFound: there is no row with the id `before`.
    """
    if before is not None:
        edge = connection.row(f"SELECT created_at, id FROM {table} WHERE id = :id", id=before)  # noqa: S608 our table
        if edge is None:
            raise NotFound(f"No row {before!r} in the {table} to go on from. Start again without 'before'.")
        query += " AND (created_at, id) < (:edge_at, :edge_id)"
        parameters |= {"edge_at": edge["created_at"], "edge_id": edge["id"]}
    query += " ORDER BY created_at DESC, id DESC LIMIT :limit"
    return connection.rows(query, limit=limit, **parameters)
