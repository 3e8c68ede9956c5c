"""The `runs` table: every fusion's run as its own document, beside the few columns a list of runs shows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import BigInteger, Column, Connection, Double, Index, MetaData, Table, Text, exists, select

from tritium.chat import Usage
from tritium.errors import InvalidRequest, NotFound
from tritium.ledger import generations
from tritium.ledger.newest import newest
from tritium.ledger.prices import cost_nanodollars
from tritium.storage.database import Database, insert_new

PREVIEW_CHARACTERS = 200
_SHOWN_MATCHES = 5

TABLE = Table(
    "runs",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("model", Text, nullable=False),
    Column("strategy", Text),
    Column("outcome", Text),
    Column("cost_nanodollars", BigInteger),
    Column("latency_ms", Double),
    Column("answer_preview", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("runs_by_age", "created_at", "id"),
)


class StoredRun(Struct, frozen=True):
    """A run as it was recorded; `document` is its JSON, `created_at` Unix seconds."""

    id: str
    created_at: float
    model: str
    document: bytes


class RunSummary(Struct, frozen=True):
    """A run's line in a list. None is unknown."""

    id: str
    created_at: float
    model: str
    strategy: str | None
    outcome: str | None
    cost_nanodollars: int | None
    latency_ms: float | None
    answer_preview: str


class Runs:
    """The runs that were written down. Reads block: call them off the event loop.

    Every read raises StorageError when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def insert(connection: Connection, runs: Sequence[StoredRun]) -> None:
        """Add rows; one whose id is there already is left as it is.

        Raises:
            msgspec.MsgspecError: a document is not a run's JSON.
        """
        insert_new(connection, TABLE, [_to_row(run) for run in runs])

    def get(self, run_id: str) -> StoredRun | None:
        columns = TABLE.c.id, TABLE.c.created_at, TABLE.c.model, TABLE.c.document
        with self._database.reading() as connection:
            row = connection.execute(select(*columns).where(TABLE.c.id == run_id)).one_or_none()
        return None if row is None else StoredRun(row.id, row.created_at, row.model, row.document.encode())

    def find(self, prefix: str) -> str:
        """The id that begins so, for people who don't type whole ids.

        Raises:
            NotFound: none does.
            InvalidRequest: several do; the message lists them.
        """
        query = select(TABLE.c.id).where(TABLE.c.id.startswith(prefix, autoescape=True)).order_by(TABLE.c.id)
        with self._database.reading() as connection:
            matches = connection.execute(query.limit(_SHOWN_MATCHES + 1)).scalars().all()
        if not matches:
            raise NotFound(f"No run's id begins with {prefix!r}.")
        if len(matches) > 1 and prefix not in matches:
            more = ", ..." if len(matches) > _SHOWN_MATCHES else ""
            listed = ", ".join(matches[:_SHOWN_MATCHES])
            raise InvalidRequest(f"Several runs begin with {prefix!r}: {listed}{more}. Give more of the id.")
        return prefix if prefix in matches else matches[0]

    def recent(self, limit: int = 50, before: str | None = None, *, caller: str | None = None) -> list[RunSummary]:
        """The newest first; `before` is the id of the last row of the page before. With a `caller`, only its own.

        Raises:
            NotFound: there is no such row.
        """
        query = select(*(column for column in TABLE.c if column.name != "document"))
        if caller is not None:
            calls = generations.TABLE.c
            query = query.where(exists().where(calls.request_id == TABLE.c.id, calls.caller == caller))
        with self._database.reading() as connection:
            return [RunSummary(**row) for row in newest(connection, TABLE, query, limit, before)]


class _Decision(Struct):
    strategy: str | None = None


class _Receipt(Struct):
    cost_usd: Decimal | None = None
    latency_ms: float | None = None


class _Document(Struct):
    """What a list shows of a run's document; the rest of it is not looked at."""

    outcome: str | None = None
    answer: str = ""
    decision: _Decision = field(default_factory=_Decision)
    receipt: _Receipt = field(default_factory=_Receipt)


_decode = msgspec.json.Decoder(_Document).decode


def _to_row(run: StoredRun) -> dict[str, Any]:
    seen = _decode(run.document)
    return {
        "id": run.id,
        "created_at": run.created_at,
        "model": run.model.replace("\0", ""),
        "strategy": seen.decision.strategy,
        "outcome": seen.outcome,
        "cost_nanodollars": cost_nanodollars(Usage(cost_usd=seen.receipt.cost_usd), None),
        "latency_ms": seen.receipt.latency_ms,
        "answer_preview": seen.answer[:PREVIEW_CHARACTERS].replace("\0", ""),  # NUL: PostgreSQL refuses it
        "document": run.document.decode(),
    }
