"""What a written calculation comes to: numbers, + - * / ^, roots, π and parentheses; exact wherever it can be.

A recursive-descent parser that consumes as much of a text as is arithmetic. Nothing is ever evaluated as code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction

Number = Fraction | float

DIGITS = 400
"""Longer numbers are no answers; converting them would take quadratic time."""

_TOKEN = re.compile(
    r"[ \t]{0,4}(?:(?P<number>(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,3}(?!\d))?)(?![\d.]*\d)"
    r"|(?P<symbol>\*\*|[-+*/^()π√]|sqrt|pi(?![a-z])))"
)
_NEST = 40


class NotArithmetic(ValueError):
    """The text is no calculation, or one whose value is out of reach."""


def evaluated(text: str) -> tuple[Number, int]:
    """The value of the longest calculation at the beginning of `text`, and where that ends.

    Raises:
        NotArithmetic: it begins with none, or its value is undefined or out of reach.
    """
    parser = _Parser(list(_tokens(text)))
    try:
        value = parser.sum(0)
    except (ZeroDivisionError, OverflowError, ValueError) as fault:
        raise NotArithmetic(str(fault)) from fault
    return value, parser.consumed()


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and end of each token; ends at the first thing that is no token."""
    at = 0
    while token := _TOKEN.match(text, at):
        at = token.end()
        yield token.lastgroup or "", token[0].strip(), at


class _Parser:
    """Each method parses one level of precedence and leaves `at` behind what it took."""

    def __init__(self, tokens: list[tuple[str, str, int]]) -> None:
        self.tokens = tokens
        self.at = 0

    def consumed(self) -> int:
        return self.tokens[self.at - 1][2] if self.at else 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def sum(self, depth: int) -> Number:
        value = self.product(depth)
        while (sign := self.peek()) in ("+", "-"):
            other = self.operand(depth, self.product)
            if other is None:
                return value
            value = bounded(value + other if sign == "+" else value - other)
        return value

    def product(self, depth: int) -> Number:
        value = self.signed(depth)
        while True:
            sign = self.peek()
            if sign in ("*", "/"):
                other = self.operand(depth, self.signed)
                if other is None:
                    return value
                value = bounded(value / other if sign == "/" else value * other)
            elif sign in ("sqrt", "√", "π", "pi") or (sign == "(" and self.adjacent()):
                value = bounded(value * self.power(depth))
            else:
                return value

    def operand(self, depth: int, parse: Callable[[int], Number]) -> Number | None:
        """What follows an operator; None, with the operator given back, if nothing does."""
        before = self.at
        self.at += 1
        try:
            return parse(depth)
        except NotArithmetic:
            self.at = before
            return None

    def signed(self, depth: int) -> Number:
        if self.peek() in ("-", "+"):
            sign = self.peek()
            self.at += 1
            value = self.signed(self.deeper(depth))
            return -value if sign == "-" else value
        return self.power(depth)

    def power(self, depth: int) -> Number:
        value = self.atom(depth)
        if self.peek() in ("^", "**"):
            exponent = self.operand(self.deeper(depth), self.signed)
            if exponent is not None:
                return raised(value, exponent)
        return value

    def atom(self, depth: int) -> Number:
        if self.at >= len(self.tokens):
            raise NotArithmetic("nothing there")
        kind, written, _ = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return literal(written)
        if written in ("π", "pi"):
            return math.pi
        if written in ("√", "sqrt"):
            return root(self.atom(self.deeper(depth)))
        if written == "(":
            value = self.sum(self.deeper(depth))
            if self.peek() != ")":
                raise NotArithmetic("a parenthesis stays open")
            self.at += 1
            return value
        raise NotArithmetic("an operator where a number belongs")

    def adjacent(self) -> bool:
        """Whether no space precedes the token: 2(3) multiplies, 42 (6 times 7) explains."""
        return self.tokens[self.at][2] - self.tokens[self.at - 1][2] == 1

    @staticmethod
    def deeper(depth: int) -> int:
        if depth >= _NEST:
            raise NotArithmetic("nested too deeply")
        return depth + 1


def literal(digits: str) -> Fraction:
    return bounded_fraction(Fraction(digits.rstrip(".") if "e" not in digits.lower() else digits.replace(".e", "e")))


def raised(value: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1 and isinstance(value, Fraction) and value != 0:
        size = abs(exponent) * max(value.numerator.bit_length(), value.denominator.bit_length())
        if size > 4 * DIGITS:
            raise NotArithmetic("too large")
        return bounded(value ** int(exponent))
    result = float(value) ** float(exponent)
    if isinstance(result, complex):
        raise NotArithmetic("not real")
    return bounded(result)


def root(value: Number) -> Number:
    """Exact where both parts are squares."""
    if value < 0:
        raise NotArithmetic("not real")
    if isinstance(value, Fraction):
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if above * above == value.numerator and below * below == value.denominator:
            return Fraction(above, below)
    return math.sqrt(value)


def bounded(value: Number) -> Number:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotArithmetic("not finite")
        return value
    return bounded_fraction(value)


def bounded_fraction(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 4 * DIGITS:
        raise NotArithmetic("too large")
    return value
