"""What recorded models charged, and what else is known of them: a CSV with a row for each model.

    model,usd_per_m_input,usd_per_m_output,maker,strength
    gpt-4o-mini,0.15,0.60,openai,0.82

Dollars per million tokens; an empty price is unknown. `maker` and `strength` may be missing, as may whole columns of
them; other columns are left alone.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from msgspec import Struct

from tritium.errors import ConfigError
from tritium.ledger.prices import Prices

INPUT, OUTPUT = "usd_per_m_input", "usd_per_m_output"
_MOST_DOLLARS = 1_000_000


class ListedModel(Struct, frozen=True):
    """A row of the list; None is what nobody knows."""

    prices: Prices | None = None
    maker: str | None = None
    """Who trained it."""
    strength: float | None = None
    """Higher is better, as the share of right answers; decides ties."""


def read_price_list(file: Path) -> dict[str, ListedModel]:
    """The rows by model.

    Raises:
        ConfigError: the file can't be read, lacks a column, or holds a figure that is none; it says in which line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = {"model", INPUT, OUTPUT} - set(rows.fieldnames or ())
            if missing:
                raise ConfigError(f"{str(file)!r} has no column {min(missing)!r}; it needs model, {INPUT}, {OUTPUT}.")
            return {row["model"]: _listed(row, f"{str(file)!r}, line {rows.line_num}") for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{str(file)!r} can't be read: {error}.") from None


def _listed(row: Mapping[str, str | None], where: str) -> ListedModel:
    read, write = (_figure(row, name, where, _MOST_DOLLARS) for name in (INPUT, OUTPUT))
    strength = _figure(row, "strength", where, 1)
    return ListedModel(
        prices=None if read is None or write is None else Prices(read, write),
        maker=row.get("maker") or None,
        strength=None if strength is None else float(strength),
    )


def _figure(row: Mapping[str, str | None], name: str, where: str, most: int) -> Decimal | None:
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if found.is_finite() and 0 <= found <= most:
        return found
    raise ConfigError(f"{where}: {name} is {text!r}; write a number from 0 to {most}, or nothing if it is unknown.")
