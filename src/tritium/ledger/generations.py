"""The `generations` table: one row per provider call, from which every figure is made. NULL is unknown, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, MetaData, RowMapping, Table, Text, select

from tritium.chat import Usage
from tritium.ledger.newest import newest
from tritium.ledger.prices import cost_nanodollars
from tritium.model import Generation
from tritium.storage.database import Database, insert_new

TABLE = Table(
    "generations",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("finish_reason", Text),
    Column("streamed", Boolean, nullable=False),
    Column("first_token_ms", Double),
    Column("latency_ms", Double, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cache_read_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cost_nanodollars", BigInteger),
    Column("provider_cost_nanodollars", BigInteger),
    Column("error", Text),
    Index("generations_by_age", "created_at", "id"),
    Index("generations_by_request", "request_id"),
    Index("generations_by_caller", "caller", "created_at"),
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
        insert_new(connection, TABLE, [_to_row(each) for each in generations])

    def get(self, generation_id: str) -> Generation | None:
        with self._database.reading() as connection:
            row = connection.execute(select(TABLE).where(TABLE.c.id == generation_id)).mappings().one_or_none()
        return None if row is None else _from_row(row)

    def of_request(self, request_id: str) -> list[Generation]:
        """What one request caused, in the order it began."""
        query = select(TABLE).where(TABLE.c.request_id == request_id).order_by(TABLE.c.created_at, TABLE.c.id)
        with self._database.reading() as connection:
            return [_from_row(row) for row in connection.execute(query).mappings()]

    def recent(
        self, limit: int = 50, before: str | None = None, *, model: str | None = None, caller: str | None = None
    ) -> list[Generation]:
        """The newest first; `before` is the id of the last row of the page before.

        Raises:
            NotFound: there is no such row.
        """
        query = select(TABLE)
        if model is not None:
            query = query.where(TABLE.c.model == model)
        if caller is not None:
            query = query.where(TABLE.c.caller == caller)
        with self._database.reading() as connection:
            return [_from_row(row) for row in newest(connection, TABLE, query, limit, before)]


def _to_row(generation: Generation) -> dict[str, Any]:
    usage = generation.usage
    return {
        "id": generation.id,
        "request_id": generation.request_id,
        "created_at": generation.created_at,
        "model": _storable(generation.model),
        "provider": generation.provider,
        "role": generation.role,
        "caller": _storable(generation.caller),
        "outcome": generation.outcome,
        "finish_reason": _storable(generation.finish_reason),
        "streamed": generation.streamed,
        "first_token_ms": generation.first_token_ms,
        "latency_ms": generation.latency_ms,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "estimated": usage.estimated,
        "cost_nanodollars": generation.cost_nanodollars,
        "provider_cost_nanodollars": cost_nanodollars(usage, None),  # without prices: what the provider said
        "error": _storable(generation.error),
    }


def _from_row(row: RowMapping) -> Generation:
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
            estimated=row["estimated"],
        ),
        cost_nanodollars=row["cost_nanodollars"],
        outcome=row["outcome"],
        finish_reason=row["finish_reason"],
        streamed=row["streamed"],
        first_token_ms=row["first_token_ms"],
        latency_ms=row["latency_ms"],
        error=row["error"],
        caller=row["caller"],
    )


def _storable(text: str | None) -> str | None:
    """A caller's or a provider's words without NUL, which PostgreSQL refuses: it shall not cost us the row."""
    return text.replace("\0", "") if text else text
