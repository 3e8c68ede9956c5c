"""The `runs` table: every fusion's run as its own document, beside the few columns a list of runs shows.

A run is written when it begins, as `running`, and once more when it has ended; one whose process is gone is closed as
`lost` (`lost_runs.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import asdict

from tritium.chat import Usage
from tritium.errors import InvalidRequest, NotFound
from tritium.ledger.newest import newest
from tritium.ledger.prices import cost_nanodollars
from tritium.storage.connection import Connection, one_of
from tritium.storage.database import Database

PREVIEW_CHARACTERS = 200
_SHOWN_MATCHES = 5


class StoredRun(Struct, frozen=True):
    """A run as it was recorded; `document` is its JSON, `created_at` Unix seconds."""

    id: str
    created_at: float
    model: str
    document: bytes


class BegunRun(Struct, frozen=True):
    """A run that has begun."""

    run: StoredRun

    @property
    def id(self) -> str:
        return self.run.id


class RunFilter(Struct, frozen=True):
    """Which runs a list shows; None is any. Moments are Unix seconds."""

    caller: str | None = None
    model: str | None = None
    strategy: str | None = None
    outcome: str | None = None
    replay_of: str | None = None
    shadow_of: str | None = None
    since: float | None = None
    until: float | None = None


ANY_RUN = RunFilter()


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
    caller: str | None = None
    replay_of: str | None = None
    shadow_of: str | None = None


_SUMMARY = ", ".join(RunSummary.__struct_fields__)
_COLUMNS = (*RunSummary.__struct_fields__, "document", "owner")
_EQUAL = ("model", "strategy", "outcome", "replay_of", "shadow_of")
_IDS_AT_ONCE = 500


class Runs:
    """The runs that were written down. Reads block: call them off the event loop.

    Every read raises StorageError when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def insert(connection: Connection, runs: Sequence[StoredRun]) -> None:
        """Add runs that have ended, in the place of what was written when they began; one that is there is left.

        Raises:
            msgspec.MsgspecError: a document is not a run's JSON.
        """
        for start in range(0, len(runs), _IDS_AT_ONCE):
            listed, named = one_of("id", [run.id for run in runs[start : start + _IDS_AT_ONCE]])
            # `lost`: whoever carries it out was taken for dead, and was only out of touch for long.
            statement = f"DELETE FROM runs WHERE outcome IN ('running', 'lost') AND id IN {listed}"  # noqa: S608 ours
            connection.change(statement, **named)
        connection.insert_new("runs", _COLUMNS, [_to_row(run, None) for run in runs])

    @staticmethod
    def insert_begun(connection: Connection, begun: Sequence[BegunRun], owner: str) -> None:
        """Add runs that have begun in the process of that name; one that is there is left.

        Raises:
            msgspec.MsgspecError: a document is not a run's JSON.
        """
        connection.insert_new("runs", _COLUMNS, [_to_row(each.run, owner) for each in begun])

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

    def recent(self, limit: int = 50, before: str | None = None, among: RunFilter = ANY_RUN) -> list[RunSummary]:
        """The newest first; `before` is the id of the last row of the page before.

        Raises:
            NotFound: there is no such row.
        """
        query = f"SELECT {_SUMMARY} FROM runs WHERE true"  # noqa: S608 our own columns
        query += "".join(f" AND {name} = :{name}" for name in _EQUAL if getattr(among, name) is not None)
        if among.since is not None:
            query += " AND created_at >= :since"
        if among.until is not None:
            query += " AND created_at < :until"
        if among.caller is not None:  # of the first runs it is only known through their calls
            query += (
                " AND (caller = :caller OR (caller IS NULL AND EXISTS (SELECT 1 FROM generations"
                " WHERE generations.request_id = runs.id AND generations.caller = :caller)))"
            )
        with self._database.reading() as connection:
            rows = newest(connection, "runs", query, limit, before, **asdict(among))
        return [RunSummary(**row) for row in rows]


class _Decision(Struct):
    strategy: str | None = None


class _Receipt(Struct):
    cost_usd: Decimal | None = None
    latency_ms: float | None = None


class _Document(Struct):
    """What a list shows of a run's document; the rest of it is not looked at."""

    outcome: str | None = None
    answer: str = ""
    caller: str | None = None
    replay_of: str | None = None
    shadow_of: str | None = None
    decision: _Decision = field(default_factory=_Decision)
    receipt: _Receipt = field(default_factory=_Receipt)


_decode = msgspec.json.Decoder(_Document).decode


def _to_row(run: StoredRun, owner: str | None) -> tuple[Any, ...]:
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
        None if seen.caller is None else seen.caller.replace("\0", ""),
        seen.replay_of,
        seen.shadow_of,
        run.document.decode(),
        owner,
    )
