"""The `runs` table: every fusion's run as its own document, beside the few columns a list of runs shows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field

from tritium.chat import Usage
from tritium.errors import InvalidRequest, NotFound
from tritium.ledger.newest import newest
from tritium.ledger.prices import cost_nanodollars
from tritium.storage.connection import Connection
from tritium.storage.database import Database

PREVIEW_CHARACTERS = 200
_SHOWN_MATCHES = 5


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


_SUMMARY = ", ".join(RunSummary.__struct_fields__)
_COLUMNS = (*RunSummary.__struct_fields__, "document")


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
        connection.insert_new("runs", _COLUMNS, [_to_row(run) for run in runs])

    def get(self, run_id: str) -> StoredRun | None:
        query = "SELECT id, created_at, model, document FROM runs WHERE id = :id"
        with self._database.reading() as connection:
            row = connection.row(query, id=run_id)
        return None if row is None else StoredRun(row["id"], row["created_at"], row["model"], row["document"].encode())

    def find(self, prefix: str) -> str:
        """The id that begins so, for people who don't type whole ids.

        Raises:
            NotFound: none does.
            InvalidRequest: several do; the message lists them.
        """
        query = "SELECT id FROM runs WHERE substr(id, 1, length(:prefix)) = :prefix ORDER BY id LIMIT :limit"
        with self._database.reading() as connection:
            matches = connection.values(query, prefix=prefix, limit=_SHOWN_MATCHES + 1)
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
        query = f"SELECT {_SUMMARY} FROM runs WHERE true"  # noqa: S608 our own columns
        if caller is not None:
            query += (
                " AND EXISTS (SELECT 1 FROM generations"
                " WHERE generations.request_id = runs.id AND generations.caller = :caller)"
            )
        with self._database.reading() as connection:
            return [RunSummary(**row) for row in newest(connection, "runs", query, limit, before, caller=caller)]


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


def _to_row(run: StoredRun) -> tuple[Any, ...]:
    """In the order of `_COLUMNS`."""
    seen = _decode(run.document)
    return (
        run.id,
        run.created_at,
        run.model.replace("\0", ""),
        seen.decision.strategy,
        seen.outcome,
        cost_nanodollars(Usage(cost_usd=seen.receipt.cost_usd), None),
        seen.receipt.latency_ms,
        seen.answer[:PREVIEW_CHARACTERS].replace("\0", ""),  # NUL: PostgreSQL refuses it
        run.document.decode(),
    )
