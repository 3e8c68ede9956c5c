"""What must hold, in the words of the figures that it is read off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

Row = Mapping[str, Any]
"""An arm's figures on the items that nothing was fitted on."""


class Bar(Struct, frozen=True):
    tasks: str
    arm: str
    claim: str
    holds: Callable[[Row], bool]
    shows: Callable[[Row], str]


def _difference(row: Row) -> str:
    low, high = row["difference_interval"]
    return f"{row['difference'] * 100:+.1f} [{low * 100:+.1f}, {high * 100:+.1f}] points"


def _with_cost(row: Row) -> str:
    ratio = row["cost_ratio"]
    return _difference(row) + ("" if ratio is None else f" at {ratio:.2f} of its cost")


def _over_best_member(row: Row) -> str:
    low, high = row["over_best_member_interval"]
    return (
        f"{row['over_best_member'] * 100:+.1f} [{low * 100:+.1f}, {high * 100:+.1f}] points over {row['best_member']}"
    )


def _calibration(row: Row) -> str:
    return (
        f"{row['ece']:.3f} (in equally full bins {row['ece_equally_filled']:.3f}; "
        f"by chance alone {row['ece_floor']:.3f}, "
        f"of a true form fitted on {row['development_items']} items {row['ece_expected']:.3f})"
    )


_ECONOMY = "economy: pair agrees, else strong"

BARS = [
    Bar(
        "GSM8K",
        _ECONOMY,
        "not below the strong model (interval above -1 point) at <= 0.20 of its cost",
        lambda row: row["difference_interval"][0] > -0.01 and (row["cost_ratio"] or 9) <= 0.20,
        _with_cost,
    ),
    Bar(
        "MATH level 5",
        _ECONOMY,
        ">= +1.5 points over the strong model at <= 0.80 of its cost",
        lambda row: row["difference"] >= 0.015 and (row["cost_ratio"] or 9) <= 0.80,
        _with_cost,
    ),
    Bar(
        "MATH level 5",
        "vote, frontier five",
        ">= +5 points over its best member",
        lambda row: row["over_best_member"] >= 0.05,
        _over_best_member,
    ),
    Bar(
        "BFCL",
        "tool vote, cheap five",
        ">= +3 points over its best member",
        lambda row: row["over_best_member"] >= 0.03,
        _over_best_member,
    ),
    Bar(
        "BFCL",
        "tool vote, cheap five",
        "not below the best single model of all",
        lambda row: row["difference"] >= 0,
        _difference,
    ),
]


def all_bars(sets: Mapping[str, Sequence[Row]]) -> list[Bar]:
    """Those above, and for each arm those that hold for every arm of its sort."""
    found = list(BARS)
    for tasks, rows in sets.items():
        for row in rows:
            if row["arm"].startswith("auto"):
                found.append(
                    Bar(
                        tasks,
                        row["arm"],
                        "at most 1 point below the best member of its panel",
                        lambda row: row["over_best_member"] >= -0.01,
                        _over_best_member,
                    )
                )
            if row["ece"] is not None:
                found.append(
                    Bar(
                        tasks,
                        row["arm"],
                        "fitted confidence with an expected calibration error <= 0.04",
                        lambda row: row["ece"] <= 0.04,
                        _calibration,
                    )
                )
    return found
