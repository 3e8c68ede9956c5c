"""Tool calls that do the same are the same: key order, number forms and optional whitespace do not count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tritium.fusion.canonical.json_value import canonical_value, read_strictly


def canonical_call(name: str, arguments: str | Mapping[str, Any]) -> str | None:
    """One call as `name{...}`; None if its arguments are no JSON object, since then it can't be made."""
    if isinstance(arguments, str):
        decoded = read_strictly(arguments) if arguments.strip() else {}
        if not isinstance(decoded, dict):
            return None
        arguments = decoded
    try:
        return name.strip() + canonical_value(_spaced(dict(arguments)))
    except (RecursionError, TypeError):
        return None


def canonical_calls(calls: Iterable[tuple[str, str | Mapping[str, Any]]]) -> str | None:
    """All calls of one turn, as a JSON array. They are made in parallel, so their order does not count.

    None if there is none, or one that can't be made.
    """
    made = [canonical_call(name, arguments) for name, arguments in calls]
    known = [call for call in made if call is not None]
    if not known or len(known) < len(made):
        return None
    return json.dumps(sorted(known), ensure_ascii=False, separators=(",", ":"))


def _spaced(value: Any) -> Any:
    """Runs of spaces in one-line strings as one; text of several lines (code) only at its ends."""
    if isinstance(value, str):
        return value.strip() if "\n" in value.strip() else " ".join(value.split())
    if isinstance(value, list):
        return [_spaced(each) for each in value]
    if isinstance(value, dict):
        return {key: _spaced(each) for key, each in value.items()}
    return value
