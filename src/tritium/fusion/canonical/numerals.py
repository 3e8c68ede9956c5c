"""Numerals with grouped digits, in the customs of many places, as plain ones: 1,000.5 · 1.000,5 · 1 000 · 1'000.

A comma or point counts as what it can only be; "1,2,3" and "10.0.0.1" are no numerals, and "1.234" is a decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

_RUN = re.compile(
    r"(?<![A-Za-z0-9_.,'])"
    r"(?:\d{1,3}(?: \d{3}){1,8}(?:[.,]\d{1,400})?(?!\d|[.,' -]\d)|\d{1,400}(?:[.,'_]\d{1,400}){0,40}|\.\d{1,400})(?!\d)"
)
_FORMS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    # A form, what separates its groups, its decimal mark. The first that fits counts.
    (re.compile(r"\d+|\d*\.\d+"), "", "."),
    (re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"), ",", "."),
    (re.compile(r"[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?"), ",", "."),
    (re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}"), ".", ","),
    (re.compile(r"\d+,\d{1,2}|\d+,\d{4,}|0,\d+"), "", ","),
    (re.compile(r"[1-9]\d{0,2}(?: \d{3})+(?:\.\d+)?"), " ", "."),
    (re.compile(r"[1-9]\d{0,2}(?: \d{3})+,\d+"), " ", ","),
    (re.compile(r"[1-9]\d{0,2}(?:'\d{3})+(?:\.\d+)?"), "'", "."),
    (re.compile(r"[1-9]\d{0,2}(?:_\d{3})+(?:\.\d+)?"), "_", "."),
)


class Numeral(Struct, frozen=True):
    """A numeral, where it stands, and what it is in plain digits: None if that can't be told."""

    start: int
    end: int
    digits: str | None


def numerals(text: str) -> Iterator[Numeral]:
    for run in _RUN.finditer(text):
        yield Numeral(run.start(), run.end(), _plain(run[0]))


def ungrouped(text: str) -> str | None:
    """`text` with plain numerals only; None if one of its numerals can't be told."""
    pieces, at = [], 0
    for numeral in numerals(text):
        if numeral.digits is None:
            return None
        pieces += [text[at : numeral.start], numeral.digits]
        at = numeral.end
    return "".join(pieces) + text[at:]


def _plain(run: str) -> str | None:
    for form, group, decimal in _FORMS:
        if form.fullmatch(run):
            return (run.replace(group, "") if group else run).replace(decimal, ".")
    return None
