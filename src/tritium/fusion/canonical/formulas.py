r"""LaTeX and Markdown as plain arithmetic: ``\frac{3}{4}`` is 3/4, ``$1{,}000$`` is 1,000, ``**42**`` is 42."""

from __future__ import annotations

import re

_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|bigl?|bigr?|quad|qquad)(?![a-z])|\\[()\[\],;:! ]|(?<!\\)\$|\$\$|`|~"
)
_DOLLAR = re.compile(r"\\?\$|(?<![A-Za-z])US\$|USD(?![A-Za-z])")
_WRAPPED = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf|mathit|textit|operatorname|emph|mbox|boxed)\s?\{([^{}]{0,200})\}"
)
_FRACTION = re.compile(r"\\[dtc]?frac\s?(?:\{([^{}]{1,200})\}|(\d))\s?(?:\{([^{}]{1,200})\}|(\d))")
_ROOT = re.compile(r"(?:\\sqrt|√)\s?\{([^{}]{1,200})\}")
_HIGHER_ROOT = re.compile(r"\\sqrt\s?\[(\d{1,2})\]\s?\{([^{}]{1,200})\}")
_RAISED = re.compile(r"\^\s?\{([^{}]{1,200})\}")
_SYMBOL = re.compile(r"\\(times|cdot|div|pi|approx|sqrt|degree|circ|infty|le|leq|ge|geq|ne|neq|pm|%)(?![a-z])")
_SYMBOLS = {
    "times": "*",
    "cdot": "*",
    "div": "/",
    "pi": "π",
    "approx": "≈",
    "sqrt": "√",
    "degree": "°",
    "circ": "°",
    "infty": "∞",
    "%": "%",
}
_OPERATORS = str.maketrans("\N{MULTIPLICATION SIGN}·÷", "**/")
_DEGREES = re.compile(r"\^\s?(?:\{\s?(?:°|\\circ)\s?\}|°|\\circ)")
_NESTED_AT_MOST = 8


def plain(span: str) -> str:
    """`span` without LaTeX commands and Markdown marks; what it does not know stays."""
    if "\\" in span or "^{" in span or "√{" in span:
        span = _without_commands(span)
    span = re.sub(r"(?<=\d)\*\*(?=\d)", "^", span).replace("**", "").replace("__", "")
    span = _DROPPED.sub(" ", _DOLLAR.sub("", span)).replace("{,}", ",")
    return re.sub(r"(?<=\d) ?x ?(?=\d)", "*", span.translate(_OPERATORS))


def _without_commands(span: str) -> str:
    # Doubled where the formula stood inside JSON.
    span = _DEGREES.sub("°", span.replace("\\\\", "\\").replace("\\$", "").replace("{,}", ",").replace("\\,", ""))
    for _ in range(_NESTED_AT_MOST):
        before = span
        span = _WRAPPED.sub(r" \1 ", span)
        span = _ROOT.sub(r"√(\1)", span)
        span = _HIGHER_ROOT.sub(r"((\2)^(1/\1))", span)
        span = _FRACTION.sub(_fraction, span)
        span = _RAISED.sub(_power, span)
        if span == before:
            break
    return _SYMBOL.sub(lambda command: _SYMBOLS.get(command[1], command[0]), span)


def _fraction(match: re.Match[str]) -> str:
    above, below = match[1] or match[2], match[3] or match[4]
    whole = above.strip().isdecimal() and below.strip().isdecimal()
    # The space in front makes a mixed number of 1\frac{3}{4}.
    return f" {above.strip()}/{below.strip()} " if whole else f" (({above})/({below})) "


def _power(match: re.Match[str]) -> str:
    inside = match[1].strip()
    return "^" + (inside if inside.lstrip("-").isdecimal() else f"({inside})")
