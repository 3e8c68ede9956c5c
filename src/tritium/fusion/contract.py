"""What a caller's `response_format` demands of an answer: that it is JSON, and JSON of their schema.

Formats: OpenAI's `json_object` and `json_schema`; JSON Schema in any of its drafts, checked by jsonschema-rs. Nothing
is fetched: a schema that refers to another one elsewhere is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from tritium.errors import InvalidRequest
from tritium.fusion.canonical.json_value import find_json

FAULTS = 8
"""So many are told."""
_SHOWN = 200
"""Characters of one."""
_BACKTRACKS = 100_000
"""Of a pattern: one that is written badly could take forever."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Contract:
    """One request's."""

    def __init__(self, schema: Mapping[str, Any] | bool | None) -> None:
        """`schema` is None where any object will do.

        Raises:
            InvalidRequest: it is no JSON schema, or refers to what is not in it.
        """
        import jsonschema_rs  # noqa: PLC0415 - 40 ms that only a schema is worth

        self.schema = schema
        try:
            self._validator = jsonschema_rs.validator_for(
                {"type": "object"} if schema is None else schema if isinstance(schema, bool) else dict(schema),
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
            )
        except (ValueError, jsonschema_rs.ReferencingError) as fault:
            why = str(fault).partition("\n")[0][:_SHOWN]
            raise InvalidRequest(
                f"'response_format.json_schema.schema' is no JSON schema that can be checked: {why}.",
                param="response_format",
            ) from None

    def read(self, text: str) -> tuple[Any, list[str]]:
        """The JSON value in an answer, fences and prose around it tolerated, and what is wrong with it."""
        value = find_json(text)
        return (None, ["there is no JSON in it"]) if value is None else (value, self.faults(value))

    def faults(self, value: Any) -> list[str]:
        """What in a decoded value is not as the schema demands, for people."""
        try:
            found = list(islice(self._validator.iter_errors(value), FAULTS))
        except (ValueError, RecursionError) as fault:  # too deep to be checked is not checked
            return [f"it can't be checked: {str(fault)[:_SHOWN]}"]
        return [f"{_place(each.instance_path)}: {each.message[:_SHOWN]}" for each in found]

    def fault(self, text: str) -> str | None:
        """What is wrong with an answer, in one sentence; None if nothing is."""
        _, faults = self.read(text)
        return f"not as the schema demands ({'; '.join(faults)})" if faults else None

    def clean(self, text: str) -> str:
        """The answer's JSON alone."""
        return written(find_json(text))


def contract_of(response_format: Mapping[str, Any] | None) -> Contract | None:
    """What is demanded; None where that is nothing.

    Raises:
        InvalidRequest: its schema can't be used.
    """
    match (response_format or {}).get("type"):
        case "json_object":
            return Contract(None)
        case "json_schema":
            wrapped = (response_format or {}).get("json_schema")
            schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
            return Contract(schema if isinstance(schema, (dict, bool)) else None)
    return None


def written(value: Any) -> str:
    """A decoded JSON value as text, its numbers as they were."""
    return _encode(_plain(value)).decode()


def _plain(value: Any) -> Any:
    """Whole numbers as such: a model that writes 3.0 where another writes 3 means the same."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _place(path: Any) -> str:
    return "/" + "/".join(map(str, path))
