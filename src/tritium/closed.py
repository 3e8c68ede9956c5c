"""Typed values from outside whose unknown keys are refused with a suggestion: the config file, options in a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from tritium.errors import TritiumError, suggestion

T = TypeVar("T")


def closed(kind: type[T], data: Any, *, where: str, error: Callable[[str], TritiumError]) -> T:
    """`data` as a `kind` (a Struct with `forbid_unknown_fields`); `where` names it in messages.

    Raises:
        TritiumError: what `error` makes of the message; it names the key and, for a slip, what was meant.
    """
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as fault:
        what, _, path = str(fault).partition(" - at `$")
        place = where + path.strip("`").replace("[...]", "")
        if "unknown field `" in what:
            key = what.rpartition("field `")[2].strip("`")
            raise error(f"{place} has no key {key!r}.{_meant(key, kind)}") from None
        if "missing required field `" in what:
            key = what.rpartition("field `")[2].strip("`")
            raise error(f"{place} needs the key {key!r}.") from None
        raise error(f"{place}: {what[0].lower()}{what[1:]}.") from None


def _meant(key: str, kind: Any) -> str:
    """A sentence about a key that isn't where it was written: where it belongs, or what it was meant to be."""
    homes: dict[str, str] = {}
    for home, name in _keys(kind):
        homes.setdefault(name, home)
    if key not in homes:
        return suggestion(key, homes)
    return f" It is a key of {homes[key]!r}." if homes[key] else " It belongs at the outermost level."


def _keys(kind: Any) -> Iterator[tuple[str, str]]:
    """The keys of a Struct and of the Structs within it, outer ones first, each after the path it is found at."""
    seen: set[Any] = set()
    queue = deque([("", msgspec.inspect.type_info(kind))])
    while queue:
        path, info = queue.popleft()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            yield from ((path, field.encode_name) for field in info.fields)
            queue += [(f"{path}.{field.encode_name}".lstrip("."), field.type) for field in info.fields]
        else:
            queue += [(path, each) for each in getattr(info, "types", ())]
            inner = [getattr(info, name, None) for name in ("item_type", "value_type")]
            queue += [(f"{path}.*", each) for each in inner if each is not None]
