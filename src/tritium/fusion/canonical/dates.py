"""Dates as ISO 8601, as precise as they were given: "20 July 1969", "July 1969", "1969", "July 20th" as --07-20.

Day and month of 05/03/2024 can't be told apart, so that stays as written.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator

from tritium.fusion.canonical.characters import both_ends, folded
from tritium.fusion.canonical.stated import first_read, sentences

_MONTHS = {name.lower(): month for month, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name[:3]: month for name, month in _MONTHS.items()} | {"sept": 9}
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ERA = r"(?:\s{0,2}(?P<era>bce?|b\.c\.(?:e\.)?|ad|ce|a\.d\.)(?![a-z]))?"
_YEAR = r"(?P<year>\d{3,4}|\d{1,4}(?=\s{0,2}(?:bc|b\.c\.|ad\b|a\.d\.|ce\b)))"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?<![\d-])(?P<iso>-?\d{4}-\d{2}(?:-\d{2})?)(?![\d-])",
        r"(?<![\d-])--(?P<month>\d{2})-(?P<day>\d{2})(?!\d)",
        r"(?<!\d)(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<year>\d{4})\s?年\s?(?P<month>\d{1,2})\s?月(?:\s?(?P<day>\d{1,2})\s?日)?",
        r"(?<![\d/.])(?P<first>\d{1,2})[/.-](?P<second>\d{1,2})[/.-](?P<year>\d{4})(?!\d)",
        rf"\b{_DAY}\s{{1,3}}(?:day\s)?(?:of\s{{1,3}})?(?P<name>{_MONTH})\b\.?(?:,?\s{{1,3}}(?:of\s)?{_YEAR}\b{_ERA})?",
        rf"\b(?P<name>{_MONTH})\b\.?\s{{1,3}}{_DAY}\b(?:,?\s{{1,3}}(?:of\s)?{_YEAR}\b{_ERA})?",
        rf"(?<!\d\s)\b(?P<name>{_MONTH})\b\.?,?\s{{1,3}}(?:of\s)?{_YEAR}\b{_ERA}",
        r"\b(?P<era>ad|a\.d\.)\s{1,2}(?P<year>\d{1,4})\b",
        rf"(?<![\d.,$/-]){_YEAR}(?![\d%]|[.,/-]\d){_ERA}",
        r"(?<![\d-])(?P<iso>-\d{4})(?![\d-])",
    )
)


def date(text: str) -> str | None:
    """The one date that an answer gives; None if it gives none, or several."""
    text = folded(both_ends(text)).strip().casefold()
    found, settled = first_read(text, only_date, whole_first=True)
    if settled:
        return found
    for sentence in sentences(text):
        if found := only_date(sentence):
            return found
    return only_date(text)


def only_date(span: str) -> str | None:
    """The date in `span`, if all that is in it are the same date, given more or less precisely."""
    found = set(_dates(span.casefold()))
    precise = max(found, key=lambda each: (len(each), each), default=None)
    if precise is None or not all(precise.startswith(each) or precise.endswith(each.lstrip("-")) for each in found):
        return None
    return precise


def _dates(span: str) -> Iterator[str]:
    """Every date, once: what one form has read no other reads again."""
    taken: list[tuple[int, int]] = []
    for form in _FORMS:
        for match in form.finditer(span):
            start, end = match.span()
            if all(end <= a or start >= b for a, b in taken):
                iso = _iso(match.groupdict())
                if iso is not None:
                    taken.append((start, end))
                    yield iso


def _iso(parts: dict[str, str | None]) -> str | None:
    if iso := parts.get("iso"):
        return iso if _possible(iso) else None
    year = parts.get("year")
    if first := parts.get("first"):
        return _numeric(first, parts.get("second") or "", year or "")
    month = _MONTHS[name] if (name := parts.get("name")) else int(parts.get("month") or 0)
    day = int(parts.get("day") or 0)
    if month > 12 or day > (_DAYS[month]):
        return None
    stem = _year(int(year), parts.get("era")) if year else "-"
    return stem + (f"-{month:02}" if month else "") + (f"-{day:02}" if day else "")


def _numeric(first: str, second: str, year: str) -> str | None:
    one, two = int(first), int(second)
    if not (0 < one <= 31 and 0 < two <= 31) or (one > 12 and two > 12):
        return None
    if one <= 12 and two <= 12 and one != two:
        return f"{one}/{two}/{year}"
    day, month = (one, two) if one > 12 else (two, one)
    return f"{year}-{month:02}-{day:02}"


def _year(year: int, era: str | None) -> str:
    """Astronomical, as in ISO 8601: 44 BC is -0043."""
    if era and era.startswith("b"):
        return f"-{year - 1:04}" if year > 1 else "0000"
    return f"{year:04}"


def _possible(iso: str) -> bool:
    parts = iso.lstrip("-").split("-")
    month = int(parts[1]) if len(parts) > 1 else 1
    day = int(parts[2]) if len(parts) > 2 else 1
    return 0 < month <= 12 and 0 < day <= _DAYS[month]
