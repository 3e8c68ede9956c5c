"""Kinds of text that a guardrail looks for: the built-in ones for personal data, and regular expressions of one's own.

Invariant: the time to search a text grows in proportion to its length, whoever wrote it. Python's engine backtracks and
can't be given a time limit, so an expression of one's own may have no repetition without an upper bound, no
look-around, no back-reference and no anchor, and at most `MOST_WAYS` ways to match at one place.
Sources: the Luhn check is ISO/IEC 7812-1 annex B, the IBAN's mod 97 is ISO 13616, the number ranges that no American
social security number has are the Social Security Administration's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from re import _parser as parser  # type: ignore[attr-defined]  # there is no public way to an expression's tree
from typing import Any

from msgspec import Struct

from tritium.errors import ConfigError, suggestion

MOST_WAYS = 1_000
MOST_CHARACTERS = 200
"""Of one match. As much of a stream is held back, so that no match is cut in two."""


class Kind(Struct, frozen=True):
    """A kind of text. `holds` is what a match must pass besides."""

    name: str
    pattern: re.Pattern[str]
    longest: int
    """Characters."""
    holds: Callable[[str], bool] | None = None


def _luhn(text: str) -> bool:
    digits = [int(each) for each in text if each.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mod_97(text: str) -> bool:
    plain = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def _dialable(text: str) -> bool:
    """International with its +, American with ten digits, or national with its leading 0."""
    digits = re.sub(r"\D", "", text)
    if text.lstrip("( ").startswith("+"):
        return 8 <= len(digits) <= 15
    american = len(digits) == 10 or (len(digits) == 11 and digits[0] == "1")
    national = digits[0] == "0" and digits[1] != "0" and 9 <= len(digits) <= 12
    return national or (american and re.fullmatch(_AMERICAN, text) is not None)


_AMERICAN = r"(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
_EMAIL = r"[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,24}){1,3}"
_PHONE = r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\) ?|\d{2,4}[ .-]?)\d{2,4}(?:[ .-]?\d{2,4}){1,3}(?!\w)"
_CARD = r"(?<![\w-])(?:\d{13,19}|\d{4}(?:[ -]\d{4}){2}[ -]\d{1,4}(?:[ -]\d{1,3})?|\d{4}[ -]\d{6}[ -]\d{4,5})(?![\w-])"
_IBAN = r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"
_SSN = r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"

BUILT_IN = {
    kind.name: kind
    for kind in (
        Kind("credit_card", re.compile(_CARD, re.ASCII), 27, _luhn),
        Kind("iban", re.compile(_IBAN, re.ASCII), 47, _mod_97),
        Kind("us_ssn", re.compile(_SSN, re.ASCII), 11),
        Kind("email", re.compile(_EMAIL, re.ASCII), 203),
        Kind("phone", re.compile(_PHONE, re.ASCII), 35, _dialable),
    )
}


def kinds(own: Mapping[str, str]) -> dict[str, Kind]:
    """All that can be named: the built-in ones, and those of the configuration.

    Raises:
        ConfigError: an expression isn't one, or its time can't be bounded; or it has a built-in one's name.
    """
    taken = sorted(own.keys() & BUILT_IN.keys())
    if taken:
        raise ConfigError(f"guardrails.patterns: {taken[0]!r} is built in. Take another name.")
    return BUILT_IN | {name: _own(name, expression) for name, expression in own.items()}


def named(kinds: Mapping[str, Kind], name: str, where: str) -> Kind:
    """The kind of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in kinds:
        raise ConfigError(
            f"{where}: there is no pattern {name!r}.{suggestion(name, kinds)} There is {', '.join(kinds)}."
        )
    return kinds[name]


def _own(name: str, expression: str) -> Kind:
    where = f"guardrails.patterns.{name}"
    try:
        tree = parser.parse(expression)
        pattern = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{where} {expression!r} is not a regular expression: {error}.") from None
    ways = _ways(tree, where)
    least, longest = tree.getwidth()
    if least == 0:
        raise ConfigError(f"{where} {expression!r} matches nothing at all, too: at every place. Make a part required.")
    if ways > MOST_WAYS or longest > MOST_CHARACTERS:
        raise ConfigError(
            f"{where} {expression!r} can match {longest} characters in {ways} ways at one place; at most "
            f"{MOST_CHARACTERS} and {MOST_WAYS} keep the time in proportion to the text. Use smaller bounds."
        )
    return Kind(name, pattern, int(longest))


def _ways(tree: Any, where: str) -> int:
    """In how many ways the parts can be tried at one place.

    Raises:
        ConfigError: a part is of a sort that can't be bounded.
    """
    product = 1
    for part, details in tree:
        product = min(product * _ways_of(str(part), details, where), MOST_WAYS**2)
    return product


def _ways_of(part: str, details: Any, where: str) -> int:
    if part in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        return 1
    if part == "AT" and str(details) in ("AT_BOUNDARY", "AT_NON_BOUNDARY"):
        return 1
    if part == "SUBPATTERN":
        return _ways(details[3], where)
    if part == "BRANCH":
        return sum(_ways(each, where) for each in details[1])
    if part in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = details
        if most == parser.MAXREPEAT:
            raise ConfigError(f"{where}: repetitions need an upper bound, such as {{0,20}} for * and {{1,20}} for +.")
        ways = _ways(inner, where)
        every = [int(ways ** min(count, 40)) for count in range(least, most + 1)]
        return min(sum(every), MOST_WAYS**2)
    raise ConfigError(
        f"{where}: look-around, back-references and anchors are not to be had (only \\b is): their time, or what they "
        "mean in a stream, can't be bounded."
    )
