"""The `generations` table: one row per provider call, from which every figure is made. NULL is unknown, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tritium.chat import Usage
from tritium.ledger.newest import newest
from tritium.ledger.prices import cost_nanodollars
from tritium.model import Generation
from tritium.storage.connection import Connection
from tritium.storage.database import Database

_COLUMNS = (
    "id",
    "request_id",
    "created_at",
    "model",
    "provider",
    "role",
    "caller",
    "outcome",
    "finish_reason",
    "streamed",
    "first_token_ms",
    "latency_ms",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "estimated",
    "cost_nanodollars",
    "provider_cost_nanodollars",
    "error",
    "status",
)


class Generations:
    """The provider calls that were written down. Reads block: call them off the event loop.

    Every read raises StorageError when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def insert(connection: Connection, generations: Sequence[Generation]) -> None:
        """Add rows; one whose id is there already is left as it is."""
        connection.insert_new("generations", _COLUMNS, [_to_row(each) for each in generations])

    def get(self, generation_id: str) -> Generation | None:
        with self._database.reading() as connection:
            row = connection.row("SELECT * FROM generations WHERE id = :id", id=generation_id)
        return None if row is None else _from_row(row)

    def of_request(self, request_id: str) -> list[Generation]:
        """What one request caused, in the order it began."""
        query = "SELECT * FROM generations WHERE request_id = :request_id ORDER BY created_at, id"
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.rows(query, request_id=request_id)]

    def named(self, name: str) -> list[Generation]:
        """The calls of the request of that name, or the one call."""
        found = self.of_request(name)
        alone = None if found else self.get(name)
        return found if alone is None else [alone]

    def recent(
        self, limit: int = 50, before: str | None = None, *, model: str | None = None, caller: str | None = None
    ) -> list[Generation]:
        """The newest first; `before` is the id of the last row of the page before.

        Raises:
            NotFound: there is no such row.
        """
        query = "SELECT * FROM generations WHERE true"
        if model is not None:
            query += " AND model = :model"
        if caller is not None:
            query += " AND caller = :caller"
        with self._database.reading() as connection:
            rows = newest(connection, "generations", query, limit, before, model=model, caller=caller)
        return [_from_row(row) for row in rows]


def _to_row(generation: Generation) -> tuple[Any, ...]:
    """In the order of `_COLUMNS`."""
    usage = generation.usage
    error = generation.error
    return (
        generation.id,
        generation.request_id,
        generation.created_at,
        _storable(generation.model),
        generation.provider,
        generation.role,
        _storable(generation.caller),
        generation.outcome,
        _storable(generation.finish_reason),
        generation.streamed,
        generation.first_token_ms,
        generation.latency_ms,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
        usage.estimated,
        generation.cost_nanodollars,
        None if usage.cost_usd is None else cost_nanodollars(usage, None),  # without prices: what the provider said
        None if error is None else _storable(error),
        generation.status,
    )


def _from_row(row: dict[str, Any]) -> Generation:
    said = row["provider_cost_nanodollars"]
    return Generation(
        id=row["id"],
        request_id=row["request_id"],
        model=row["model"],
        provider=row["provider"],
        role=row["role"],
        created_at=row["created_at"],
        usage=Usage(
            input=row["input_tokens"],
            output=row["output_tokens"],
            cache_read=row["cache_read_tokens"],
            cache_write=row["cache_write_tokens"],
            reasoning=row["reasoning_tokens"],
            cost_usd=None if said is None else Decimal(said).scaleb(-9),
            estimated=bool(row["estimated"]),
        ),
        cost_nanodollars=row["cost_nanodollars"],
        outcome=row["outcome"],
        finish_reason=row["finish_reason"],
        streamed=bool(row["streamed"]),
        first_token_ms=row["first_token_ms"],
        latency_ms=row["latency_ms"],
        error=row["error"],
        caller=row["caller"],
        status=row["status"],
    )


def _storable(text: str | None) -> str | None:
    """A caller's or a provider's words without NUL, which PostgreSQL refuses: it shall not cost us the row."""
    return text.replace("\0", "") if text else text
