r"""Numbers as people and models write them, as one string: the value, then the unit's symbol where one is known.

"$1,000.50" and "1.000,50" are "1000.5"; "3/4", ``\frac{3}{4}`` and "0.75" are "0.75"; "80 kilometers per hour" is
"80 km/h"; "1 hour 30 minutes" is "90 min". What can't be told from a list, a range or a formula is no number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction

from tritium.fusion.canonical.arithmetic import NotArithmetic, Number, evaluated
from tritium.fusion.canonical.characters import both_ends, folded
from tritium.fusion.canonical.formulas import plain
from tritium.fusion.canonical.number_words import number_in_words, only_number_in_words
from tritium.fusion.canonical.numerals import numerals, ungrouped
from tritium.fusion.canonical.stated import SPAN_CHARACTERS, first_read, first_sentence, sentences
from tritium.fusion.canonical.units import base, unit_at

SIGNIFICANT_DIGITS = 12
"""Of what is not exact (roots, π, 1/3): enough to tell answers apart, few enough for rounding not to."""

FORMULA_CHARACTERS = 80
CONCLUDING_SENTENCES = 3

_FILLER = re.compile(
    r"(?:(?:about|approximately|approx\.?|around|roughly|exactly|nearly|almost|only|just|a total of|total of|total|"
    r"equals|is|there (?:are|is|were)|it(?:'s| is))\b|[\s:=≈~,>*\"'\[]){1,12}",
    re.IGNORECASE,
)
_SIGNED_CURRENCY = re.compile(r"([-+]?) ?(€|£|¥|₹|EUR|GBP|JPY|INR|Rs\.?) ?(?=[-+]?[\d.])")
_SCALE = re.compile(r"[ -]?(hundred|thousand|million|billion|trillion)\b|(k)(?![A-Za-z])", re.IGNORECASE)
_SCALES = {"hundred": 100, "thousand": 10**3, "k": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_CLOCK = re.compile(r"(\d{1,2}):00(?: ?[ap]\.?m\b\.?| o'clock)", re.IGNORECASE)
_FEET_AND_INCHES = re.compile(r"(\d{1,3})' ?(\d{1,2}(?:\.\d{1,2})?)(?:\"|'')?(?![\d,.'])")
_CALCULATOR = re.compile(r"<<[^<>\n]{0,200}>>")
"""GSM8K's own annotation, which models trained on it repeat."""
_CONCLUSION = re.compile(
    r"\b(?:is|are|was|were|be|equals|total of|left with|leaves|last(?: for)?)\b[^\d.]{0,20}$", re.IGNORECASE
)
_NUMERAL_BASE = re.compile(r"(?<=\d)_(?:\d{1,2}|[a-z]|\{[^{}]{1,20}\})(?![A-Za-z\d])")
"""221_3: the question has named the base, and some answers repeat it."""
_LISTED = re.compile(r"(?:,|\band|\bor|&|\bto)\s{0,3}[-€£¥₹]?$")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_MIXED = re.compile(r"(?<![\d.,/^])(\d{1,9}) +(\d{1,9})/(\d{1,9})(?![\d/.])")
_RANGE = re.compile(r"\d+(?:[-/:]\d+){2}|\d+(?:\.\d+)?(?:-|:| to )\d")
_ASIDE = re.compile(r"\([^()]{0,200}\)")
_FORMULA_GOES_ON = re.compile(r"[\^_!|+*√π\\(\[{<>=]|/(?!\s?[A-Za-z]{3})|-\s?(?:[A-Za-z](?![a-z])|[\\(])")
_ENDLESS = re.compile(r"\+?\s?(?:∞|infinity|infinite|infinitely many(?: \w{1,20}){0,3})", re.IGNORECASE)
_NONE = re.compile(
    r"(?:there (?:is|are) )?no (?:(?:real|integer|such|positive|possible) ){0,3}"
    r"(?:solutions?|numbers?|values?|integers?)(?: exists?)?|undefined|(?:it )?does not exist|dne",
    re.IGNORECASE,
)
_RENDERED = re.compile(r"-?\d{1,420}(?:\.\d{1,420})?")
_LONG_WORD = re.compile(r"(?!sqrt|frac)[A-Za-z]{4,}")


def number(text: str) -> str | None:
    """The number that a whole answer gives, canonical; None if it gives none."""
    text = folded(both_ends(text)).strip()
    found, settled = first_read(text, quantity, whole_first=True)
    return found if settled else _concluded(text) or _in_words(text)


def quantity(span: str) -> str | None:
    """The number that a statement gives ("$64", "x = 5", "about 80 km per hour"); None if it is not one number.

    A formula that is no number ("15 - r^2") is itself, without spaces.
    """
    span = plain(_CALCULATOR.sub("", folded(span[:SPAN_CHARACTERS])))
    span = _FEET_AND_INCHES.sub(r"\1 feet \2 inches", span).lstrip(" \n\t*\"',;:").rstrip(" \n\t*\"'.,;:!?")
    span = _CLOCK.sub(r"\1", _NUMERAL_BASE.sub("", span))
    if _ENDLESS.fullmatch(span):
        return "infinity"
    if _NONE.fullmatch(span):
        return "no solution"
    for side in _sides(span):
        found = _leading(side)
        if found is not None:
            return found
    return _formula(span) or _mentioned(span)


def split(canonical: str) -> tuple[Fraction, str] | None:
    """Value and unit of a canonical number; None for a formula, "infinity" and the like."""
    digits, _, unit = canonical.partition(" ")
    return (Fraction(digits), unit) if _RENDERED.fullmatch(digits) else None


def _in_words(text: str) -> str | None:
    """Of a short answer without a digit, the one number that it writes out."""
    if len(text) > SPAN_CHARACTERS or any(character.isdigit() for character in text):
        return None
    value = only_number_in_words(text)
    return None if value is None else str(value)


def _concluded(text: str) -> str | None:
    """Without any mark, the conclusion comes last."""
    for sentence in sentences(text)[: -CONCLUDING_SENTENCES - 1 : -1]:
        found = quantity(sentence[-SPAN_CHARACTERS:])
        if found is not None:
            return found
    return None


def _sides(span: str) -> Iterator[str]:
    """Of an equation its result; of an exact value and its approximation the exact one."""
    exact, _, _ = span.partition("≈")
    for side in (exact, span) if exact.strip() != span else (span,):
        result = re.split(r"[=≈]", side)[-1]
        if any(character.isdigit() for character in result):
            yield result
    if "=" not in span:
        yield span


def _leading(side: str) -> str | None:
    """The number with which `side` begins, if nothing that follows makes another of it."""
    filler = _FILLER.match(side)
    side = side[filler.end() :] if filler else side
    currency = ""
    if money := _SIGNED_CURRENCY.match(side):
        currency, _ = unit_at(money[2].rstrip("."))
        side = money[1] + side[money.end() :]
    parsed = _value_at(side)
    if parsed is None:
        return None
    value, rest = parsed
    unit, rest = unit_at(rest)
    if _further_number(rest):
        return _compound(value, unit, rest)
    return rendered(value, unit or currency)


def _value_at(side: str) -> tuple[Number, str] | None:
    """The value at the beginning of `side` and the text behind it; None if it is part of something else."""
    if spelled := number_in_words(side):
        return Fraction(spelled[0]), side[spelled[1] :]
    digits = ungrouped(side)
    if digits is None or _RANGE.match(digits):
        return None
    digits = _MIXED.sub(r"(\1+\2/\3)", digits)
    try:
        value, end = evaluated(digits)
    except NotArithmetic:
        return None
    rest = digits[end:]
    if scale := _SCALE.match(rest):
        value, rest = value * _SCALES[(scale[1] or scale[2]).lower()], rest[scale.end() :]
    elif ordinal := _ORDINAL.match(rest):
        rest = rest[ordinal.end() :]
    elif rest[:1].isalpha() and not unit_at(rest)[0]:
        return None
    rest = _ASIDE.sub(" ", rest)
    return None if _FORMULA_GOES_ON.match(rest.lstrip()) else (value, rest)


def _further_number(rest: str) -> bool:
    return any(character.isdigit() for character in rest)


def _compound(value: Number, unit: str, rest: str) -> str | None:
    """Of "1 hour and 30 minutes" both, in the smaller unit."""
    joint = re.match(r"\s?(?:,|and|&)?\s?", rest)
    parsed = _value_at(rest[joint.end() :] if joint else rest)
    if parsed is None or not unit:
        return None
    smaller, behind = unit_at(parsed[1])
    kind, size = base(Fraction(1), unit)
    kind_smaller, size_smaller = base(Fraction(1), smaller)
    if not smaller or kind != kind_smaller or size <= size_smaller:
        return None
    both = value * (size / size_smaller) + parsed[0]
    return _compound(both, smaller, behind) if _further_number(behind) else rendered(both, smaller)


def _mentioned(span: str) -> str | None:
    """The number that a sentence is about: the last that follows "is" or the like, else the first; of a list none."""
    sentence = first_sentence(span)
    found = list(numerals(sentence))
    if not found:
        return None
    edges = [0, *(each.end for each in found)]
    told = [at for at, each in enumerate(found) if _CONCLUSION.search(sentence[edges[at] : each.start][-60:])]
    at = told[-1] if told else 0
    end = found[at + 1].start if at + 1 < len(found) else len(sentence)
    if end < len(sentence) and _LISTED.search(sentence[found[at].end : end]):
        return None
    return _leading(sentence[_with_sign(sentence, found[at].start) : end])


def _with_sign(span: str, start: int) -> int:
    before = span[:start]
    money = re.search(r"[-+]? ?[€£¥₹] ?[-+]?$|(?:^|(?<=[\s(:]))[-+]$", before[-6:])
    return start - len(money[0]) if money else start


def _formula(span: str) -> str | None:
    """A formula as it is; None for prose, without a digit, and where a space has its meaning (2E + 11)."""
    if len(span) > FORMULA_CHARACTERS or _LONG_WORD.search(span) or not _further_number(span):
        return None
    if not re.search(r"[-+*/^_=√π(),:|<>]", span):
        return None
    formula = re.sub(r"\s+", "", span).replace(",", ", ")
    return formula if _leading(formula) is None else None


def rendered(value: Number, unit: str) -> str:
    """Exact if it is whole or has few decimals, else to `SIGNIFICANT_DIGITS`; never with an exponent."""
    digits = _digits(value)
    return f"{digits} {unit}" if unit else digits


def _digits(value: Number) -> str:
    if isinstance(value, Fraction) and value.denominator == 1:
        return str(value.numerator)
    exact = _decimal(value)
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _decimal(value: Number) -> Decimal:
    """Rounded, but never within the cents of an amount, however large."""
    if isinstance(value, float):
        return Context(SIGNIFICANT_DIGITS).create_decimal(Decimal(value))
    whole = len(str(abs(value.numerator) // value.denominator))
    context = Context(max(SIGNIFICANT_DIGITS, whole + 6))
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))
