"""How long a model's answers usually are, by what was written down of the newest calls."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection

from tritium.storage.connection import one_of
from tritium.storage.database import Database

NEWEST = 10_000
"""Calls of whatever model that are looked through: of one that is not among them nothing is said."""

_QUERY = (
    "SELECT model, output_tokens FROM (SELECT model, output_tokens, outcome FROM generations"
    " ORDER BY created_at DESC, id DESC LIMIT :newest) AS newest WHERE outcome = 'ok' AND output_tokens > 0"
    " AND model IN {models}"
)


class Lengths:
    """Reads block: call them off the event loop. Every read raises StorageError when the database can't be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, models: Collection[str]) -> dict[str, int]:
        """The median output tokens of each that has answered; `models` are one at least."""
        among, named = one_of("model", models)
        with self._database.reading() as connection:
            rows = connection.rows(_QUERY.format(models=among), newest=NEWEST, **named)
        lengths: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            lengths[row["model"]].append(row["output_tokens"])
        return {model: round(statistics.median(each)) for model, each in lengths.items()}
