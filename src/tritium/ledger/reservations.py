"""The `reservations` table: money set aside for a provider call of a caller whose spending is limited.

A row is written when the call begins and deleted once its generation is, provided that its cost is known. So what is
left of a caller's rows counts against its limit: calls under way, calls that a killed process left behind, and calls
whose cost nobody knows, each at what was set aside for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import astuple

from tritium.chat import Usage
from tritium.ledger.allowances import Moves, Purse
from tritium.ledger.generations import Generations
from tritium.model import Generation, Role
from tritium.storage.connection import Connection, one_of
from tritium.storage.database import Database

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
    purses: tuple[Purse, ...] = ()
    """Where it was taken from, if the limit is divided among processes; not kept."""


_COLUMNS = Reservation.__struct_fields__[:-1]


class Release(Struct, frozen=True):
    """The call has been settled at a known cost: its reservation is no longer needed."""

    reservation: Reservation
    nanodollars: int
    """What it cost."""

    @property
    def id(self) -> str:
        return self.reservation.id


def keep(
    connection: Connection, reservations: Sequence[Reservation], releases: Sequence[Release], moves: Moves
) -> None:
    """Add the reservations that are still open, and drop those that were released; before the generations are added.

    One that is taken and released in the same batch, as most are, never reaches the database.
    """
    released = {each.id for each in releases}
    still_open = [astuple(each)[:-1] for each in reservations if each.id not in released]
    connection.insert_new("reservations", _COLUMNS, still_open)
    kept_before = list(released - {each.id for each in reservations})
    _drop(connection, kept_before)
    _find_again(connection, kept_before)
    for each in reservations:
        moves.count(each.purses, each.owner, each.nanodollars)
    for release in releases:
        moves.count(
            release.reservation.purses, release.reservation.owner, release.nanodollars - release.reservation.nanodollars
        )


def settle_the_dead(database: Database, dead: Callable[[str, float], bool]) -> int:
    """Account for the calls whose process is gone; returns how many were lost. Doing so twice changes nothing.

    A call whose generation was written is settled by it. One without gets a generation of unknown cost, and its
    reservation goes on counting. `dead` is asked of an owner, and of when its call began (Unix seconds).

    Raises:
        StorageError: the database can't be read or written.
    """
    query = (
        "SELECT reservations.*, generations.id AS written, generations.cost_nanodollars AS cost "
        "FROM reservations LEFT JOIN generations ON generations.id = reservations.id"
    )
    with database.reading() as connection:
        rows = connection.rows(query)
    settled = {row["id"] for row in rows if row["cost"] is not None}
    lost = [
        _lost(Reservation(**{name: row[name] for name in _COLUMNS}))
        for row in rows
        if row["written"] is None and dead(row["owner"], row["created_at"])
    ]
    if settled or lost:
        with database.writing() as connection:
            _drop(connection, settled)
            Generations.insert(connection, lost)
    return len(lost)


def any_open(database: Database) -> bool:
    """Whether there is a call whose generation isn't written, be it under way or lost.

    Raises:
        StorageError: the database can't be read.
    """
    query = (
        "SELECT 1 FROM reservations LEFT JOIN generations ON generations.id = reservations.id "
        "WHERE generations.id IS NULL LIMIT 1"
    )
    with database.reading() as connection:
        return connection.value(query) is not None


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
        streamed=bool(reservation.streamed),
        first_token_ms=None,
        latency_ms=0.0,
        error=LOST,
        caller=reservation.caller,
    )


def _find_again(connection: Connection, ids: Sequence[str]) -> None:
    """Make room for calls that were taken for lost: whoever makes them was only out of touch for long."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        listed, named = one_of("id", ids[start : start + _IDS_AT_ONCE])
        statement = f"DELETE FROM generations WHERE error = :lost AND id IN {listed}"  # noqa: S608 only placeholders
        connection.change(statement, lost=LOST, **named)


def _drop(connection: Connection, ids: Iterable[str]) -> None:
    rest = list(ids)
    for start in range(0, len(rest), _IDS_AT_ONCE):
        listed, named = one_of("id", rest[start : start + _IDS_AT_ONCE])
        connection.change(f"DELETE FROM reservations WHERE id IN {listed}", **named)  # noqa: S608 only placeholders
