"""The `reservations` table: money set aside for a provider call of a caller whose spending is limited.

A row is written when the call begins and deleted once its generation is, provided that its cost is known. So what is
left of a caller's rows counts against its limit: calls under way, calls that a killed process left behind, and calls
whose cost nobody knows, each at what was set aside for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, MetaData, Table, Text, delete, select

from tritium.chat import Usage
from tritium.ledger import generations
from tritium.ledger.generations import Generations
from tritium.model import Generation, Role
from tritium.storage.database import Database, insert_new

TABLE = Table(
    "reservations",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("caller", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("nanodollars", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Index("reservations_by_caller", "caller", "created_at"),
)

LOST = "The gateway ended before this call was settled. What it cost is unknown; what was set aside for it counts."
_IDS_AT_ONCE = 500


class Reservation(Struct, frozen=True):
    """Money set aside for one provider call; `id` is that of its generation, `owner` the process that makes it."""

    id: str
    request_id: str
    created_at: float
    caller: str
    model: str
    provider: str
    role: Role
    streamed: bool
    nanodollars: int
    owner: str


class Release(Struct, frozen=True):
    """The call of that id has been settled at a known cost: its reservation is no longer needed."""

    id: str


def keep(connection: Connection, reservations: Sequence[Reservation], releases: Sequence[Release]) -> None:
    """Add the reservations that are still open, and drop those that were released.

    One that is taken and released in the same batch, as most are, never reaches the database.
    """
    released = {each.id for each in releases}
    insert_new(connection, TABLE, [asdict(each) for each in reservations if each.id not in released])
    _drop(connection, released - {each.id for each in reservations})


def settle_the_dead(database: Database, dead: Callable[[str, float], bool]) -> int:
    """Account for the calls whose process is gone; returns how many were lost. Doing so twice changes nothing.

    A call whose generation was written is settled by it. One without gets a generation of unknown cost, and its
    reservation goes on counting. `dead` is asked of an owner, and of when its call began (Unix seconds).

    Raises:
        StorageError: the database can't be read or written.
    """
    written = generations.TABLE
    query = select(TABLE, written.c.id.label("written"), written.c.cost_nanodollars.label("cost")).join_from(
        TABLE, written, TABLE.c.id == written.c.id, isouter=True
    )
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
    settled = {row["id"] for row in rows if row["cost"] is not None}
    lost = [
        _lost(Reservation(**{column.name: row[column.name] for column in TABLE.c}))
        for row in rows
        if row["written"] is None and dead(row["owner"], row["created_at"])
    ]
    if settled or lost:
        with database.writing() as connection:
            _drop(connection, settled)
            Generations.insert(connection, lost)
    return len(lost)


def _lost(reservation: Reservation) -> Generation:
    return Generation(
        id=reservation.id,
        request_id=reservation.request_id,
        model=reservation.model,
        provider=reservation.provider,
        role=reservation.role,
        created_at=reservation.created_at,
        usage=Usage(estimated=True),
        cost_nanodollars=None,
        outcome="failed",
        finish_reason=None,
        streamed=reservation.streamed,
        first_token_ms=None,
        latency_ms=0.0,
        error=LOST,
        caller=reservation.caller,
    )


def _drop(connection: Connection, ids: Iterable[str]) -> None:
    rest = list(ids)
    for start in range(0, len(rest), _IDS_AT_ONCE):
        connection.execute(delete(TABLE).where(TABLE.c.id.in_(rest[start : start + _IDS_AT_ONCE])))
