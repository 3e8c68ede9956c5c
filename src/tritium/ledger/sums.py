"""What was spent, summed: by caller, since a moment, by day and model."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlalchemy import case, func, select

from tritium.ledger import generations, reservations
from tritium.storage.database import Database

DAY_SECONDS = 86_400

_G = generations.TABLE.c
_R = reservations.TABLE.c


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
        known = select(func.coalesce(func.sum(_G.cost_nanodollars), 0)).where(_G.created_at >= since)
        aside = select(func.coalesce(func.sum(_R.nanodollars), 0)).where(_R.created_at >= since)
        if without:
            aside = aside.where(_R.id.not_in(without))
        if caller is not None:
            known, aside = known.where(_G.caller == caller), aside.where(_R.caller == caller)
        with self._database.reading() as connection:
            return int(connection.execute(known).scalar_one()) + int(connection.execute(aside).scalar_one())

    def costs(self, starts: Sequence[float], caller: str | None = None) -> dict[str, list[int]]:
        """By caller the known costs in nano-dollars since each of the moments."""
        sums = [
            func.coalesce(func.sum(case((_G.created_at >= start, _G.cost_nanodollars), else_=0)), 0) for start in starts
        ]
        query = select(_G.caller, *sums).group_by(_G.caller)
        if caller is not None:
            query = query.where(_G.caller == caller)
        with self._database.reading() as connection:
            return {row[0]: [int(each) for each in row[1:]] for row in connection.execute(query)}

    def activity(self, days: Sequence[int], caller: str | None = None) -> list[Activity]:
        """What was asked on each of the days, given by their first Unix second."""
        found: list[Activity] = []
        with self._database.reading() as connection:
            for day in days:
                query = (
                    select(
                        _G.model,
                        _G.provider,
                        func.count(),
                        func.coalesce(func.sum(_G.cost_nanodollars), 0),
                        func.sum(_G.input_tokens),
                        func.sum(_G.output_tokens),
                        func.sum(_G.reasoning_tokens),
                    )
                    .where(_G.created_at >= day, _G.created_at < day + DAY_SECONDS)
                    .group_by(_G.model, _G.provider)
                    .order_by(_G.model, _G.provider)
                )
                if caller is not None:
                    query = query.where(_G.caller == caller)
                for model, provider, *numbers in connection.execute(query):
                    found.append(Activity(day, model, provider, *(int(each) for each in numbers)))
        return found
