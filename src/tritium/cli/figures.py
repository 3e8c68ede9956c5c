"""Money, time, tokens and bytes as people read them. Unknown is said, never shown as nothing."""

from __future__ import annotations

import math


def dollars(amount: float | None) -> str:
    """Cents, or two significant digits below a dollar: `$1.20`, `$0.034`, `$0.000012`."""
    if amount is None:
        return "cost unknown"
    if amount == 0:
        return "$0"
    if amount >= 0.995:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - math.floor(math.log10(amount))}f}".rstrip("0")


def seconds(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds / 1e3:.1f} s" if milliseconds < 100_000 else f"{milliseconds / 60_000:.1f} min"


def tokens(count: int, *, estimated: bool = False) -> str:
    return f"{'~' if estimated else ''}{count:,} token{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Decimal units, as disks are sold and downloads are shown."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
