"""What was spent, summed: by caller, since a moment, by day and model."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from tritium.storage.connection import Connection, one_of
from tritium.storage.database import Database

DAY_SECONDS = 86_400


class Activity(Struct, frozen=True):
    """A model's calls on one UTC day (`day` is its first Unix second). A cost that is unknown is not in the sum."""

    day: int
    model: str
    provider: str
    requests: int
    cost_nanodollars: int
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int


_NUMBERS = Activity.__struct_fields__[3:]


class Sums:
    """Sums over the ledger. Reads block: call them off the event loop.

    Every read raises StorageError when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def counted(self, caller: str | None, since: float, without: Collection[str] = ()) -> int:
        """Nano-dollars that count against a limit: what calls cost, and what is set aside where that isn't known.

        Without a caller, everybody's; `without` are calls whose reservations are left out.
        """
        with self._database.reading() as connection:
            return counted(connection, caller, since, without)

    def costs(self, starts: Sequence[float], caller: str | None = None) -> dict[str, list[int]]:
        """By caller the known costs in nano-dollars since each of the moments."""
        named = {f"start_{number}": start for number, start in enumerate(starts)}
        sums = "".join(
            f", coalesce(sum(CASE WHEN created_at >= :{name} THEN cost_nanodollars ELSE 0 END), 0) AS {name}"
            for name in named
        )
        query = f"SELECT caller{sums} FROM generations"  # noqa: S608 only placeholders
        if caller is not None:
            query += " WHERE caller = :caller"
        with self._database.reading() as connection:
            rows = connection.rows(query + " GROUP BY caller", caller=caller, **named)
        return {row["caller"]: [int(row[name]) for name in named] for row in rows}

    def activity(self, days: Sequence[int], caller: str | None = None) -> list[Activity]:
        """What was asked on each of the days, given by their first Unix second."""
        query = (
            "SELECT model, provider, count(*) AS requests, coalesce(sum(cost_nanodollars), 0) AS cost_nanodollars,"
            " sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,"
            " sum(reasoning_tokens) AS reasoning_tokens, sum(cache_read_tokens) AS cache_read_tokens"
            " FROM generations WHERE created_at >= :day AND created_at < :next_day"
        )
        if caller is not None:
            query += " AND caller = :caller"
        query += " GROUP BY model, provider ORDER BY model, provider"
        found: list[Activity] = []
        with self._database.reading() as connection:
            for day in days:
                for row in connection.rows(query, day=day, next_day=day + DAY_SECONDS, caller=caller):
                    numbers = {name: int(row[name]) for name in _NUMBERS}
                    found.append(Activity(day, row["model"], row["provider"], **numbers))
        return found


def counted(connection: Connection, caller: str | None, since: float, without: Collection[str] = ()) -> int:
    """See `Sums.counted`: all of one moment, as a call goes from the one table to the other when it is settled."""
    known = "SELECT coalesce(sum(cost_nanodollars), 0) FROM generations WHERE created_at >= :since"
    aside = "SELECT coalesce(sum(nanodollars), 0) FROM reservations WHERE created_at >= :since"
    left_out, named = one_of("without", without)
    if without:
        aside += f" AND id NOT IN {left_out}"
    if caller is not None:
        known += " AND caller = :caller"
        aside += " AND caller = :caller"
    return int(connection.value(f"SELECT ({known}) + ({aside})", since=since, caller=caller, **named))
