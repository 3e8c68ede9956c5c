"""JSON inside prose: found, read and written in one form (sorted keys, 1.0 as 1, no spaces).

Code fences, sentences around it, raw newlines in strings, stray backslashes and trailing commas are tolerated.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any

from tritium.fusion.canonical.characters import visible

DIGITS = 400
"""Numbers longer than this, written out, are compared as they are written."""
EXPONENT = 10_000
ATTEMPTS = 40
"""So many pieces of a text are tried as JSON at most."""

_FENCE = re.compile(r"```[A-Za-z0-9_+-]{0,20}[ \t]{0,10}\n?(.*?)```", re.DOTALL)
_BRACKET = re.compile(r'[{}\[\]"\\]')
_CLOSING = {"}": "{", "]": "["}
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_TRAILING_COMMA = re.compile(r",(?=\s{0,200}[}\]])")
_MISSING = object()


def find_json(text: str) -> Any:
    """The JSON value in `text`; None if there is none (or if it is null).

    All of the text, else a fenced block, else an object or array in prose: the last, unless it is an aside beside a
    much longer one. Numbers are `int`, or `Decimal` where they have a fraction.
    """
    found = _found(text)
    return None if found is _MISSING else found


def canonical_json(text: str) -> str | None:
    """The JSON value in `text` in one form; None if there is none."""
    found = _found(text)
    if found is _MISSING:
        return None
    try:
        return canonical_value(found)
    except RecursionError:
        return None


def read_strictly(text: str) -> Any:
    """The value that all of `text` is, only its escapes and commas repaired; None if it is none (or null)."""
    found = _read(visible(text).strip())
    return None if found is _MISSING else found


def canonical_value(value: Any) -> str:
    """A decoded JSON value in one form.

    Raises:
        TypeError: it holds something that JSON has no form for.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(unicodedata.normalize("NFC", visible(value)), ensure_ascii=False)
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(canonical_value(each) for each in value)}]"
    if isinstance(value, dict):
        # Keys may have become equal; which of them counts must not hang on their order.
        fields = dict(sorted((canonical_value(str(key)), canonical_value(each)) for key, each in value.items()))
        return f"{{{','.join(f'{key}:{each}' for key, each in fields.items())}}}"
    raise TypeError(f"{type(value).__name__} is no JSON value.")


def _number(value: float | Decimal) -> str:
    exact = (
        value if isinstance(value, Decimal) else Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    )
    if not exact.is_finite():
        raise TypeError(f"{value!r} is no JSON value.")
    exact = exact.normalize(Context(max(len(exact.as_tuple().digits), 1)))
    if exact == 0:
        return "0"
    return format(exact, "f") if abs(exact.adjusted()) < DIGITS else str(exact)


def _found(text: str) -> Any:
    text = visible(text)
    whole = _read(text.strip())
    if whole is not _MISSING:
        return whole
    for block in _FENCE.findall(text)[: -ATTEMPTS - 1 : -1]:
        value = _read(block.strip())
        if value is not _MISSING:
            return value
    return _in_prose(text)


def _in_prose(text: str) -> Any:
    spans = list(_balanced(text))[-ATTEMPTS:]
    read = [(span, value) for span in spans if (value := _read(span)) is not _MISSING]
    if not read:
        return _unbalanced(text)
    longest = max(len(span) for span, _ in read)
    return next(value for span, value in reversed(read) if 2 * len(span) >= longest)


def _unbalanced(text: str) -> Any:
    """Where some bracket of the prose is never closed: whatever begins a line."""
    decoder = json.JSONDecoder(**_HOOKS)
    starts = [match.start(1) for match in re.finditer(r"(?:^|\n)[ \t]{0,40}([{\[])", text)]
    for start in starts[: -ATTEMPTS - 1 : -1]:
        try:
            return decoder.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            continue
    return _MISSING


def _balanced(text: str) -> Iterator[str]:
    """Bracketed pieces that are within no other; quotes count only inside brackets. One walk over the text."""
    open_brackets: list[str] = []
    start = skip = 0
    quoted = False
    for match in _BRACKET.finditer(text):
        at, mark = match.start(), match[0]
        if at < skip or (not open_brackets and mark not in "{["):
            continue
        if mark == "\\":
            skip = at + 2
        elif mark == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif mark in "{[":
            start = start if open_brackets else at
            open_brackets.append(mark)
        elif open_brackets.pop() != _CLOSING[mark]:
            open_brackets.clear()
        elif not open_brackets:
            yield text[start : at + 1]


def _read(text: str) -> Any:
    if not text:
        return _MISSING
    try:
        return json.loads(text, **_HOOKS)
    except (ValueError, RecursionError):
        if text[0] not in "{[":
            return _MISSING
    try:
        return json.loads(_repaired(text), **_HOOKS)
    except (ValueError, RecursionError):
        return _MISSING


def _repaired(text: str) -> str:
    text = _ESCAPE.sub(lambda escape: escape[0] if len(escape[0]) > 1 else "\\\\", text)
    return _TRAILING_COMMA.sub("", text)


def _whole_number(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= DIGITS else Decimal(digits)


def _fraction(digits: str) -> Decimal:
    """Raises ValueError for an exponent that nobody means."""
    try:
        value = Decimal(digits)
    except ArithmeticError as fault:
        raise ValueError(f"{digits[:40]} is out of reach.") from fault
    if abs(value.adjusted()) > EXPONENT:
        raise ValueError(f"{digits[:40]} is out of reach.")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")


_HOOKS: dict[str, Any] = {
    "strict": False,
    "parse_float": _fraction,
    "parse_int": _whole_number,
    "parse_constant": _no_constant,
}
