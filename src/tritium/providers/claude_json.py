"""JSON as Claude can be held to it: by the part of a schema that is enforced, else in words."""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.providers.claude import Claude
from tritium.providers.turns import Text

_ANY_OBJECT = "Answer with one JSON object and nothing else: no prose, no code fence."
_BY_SCHEMA = "It must be valid against this JSON Schema:\n"
_encode = msgspec.json.Encoder().encode


def told_json(schema: dict[str, Any] | None, claude: Claude) -> list[Text]:
    """The wish for JSON in words, where the model has no other way to be told: any object, or before Claude 4.5."""
    if schema is None or (schema and claude.structured):
        return []
    return [Text(f"{_ANY_OBJECT} {_BY_SCHEMA}{_encode(schema).decode()}" if schema else _ANY_OBJECT)]


_ENFORCED_FORMATS = {
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
}
_NOT_ENFORCED = {
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "uniqueItems",
}


def enforceable(schema: Any) -> Any:
    """The part of a JSON Schema that Anthropic enforces; the rest goes into descriptions, as its own SDK does.

    Objects are closed, since open ones draw a 400.
    """
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    told: list[str] = []
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs", "definitions") and isinstance(value, dict):
            kept[keyword] = {name: enforceable(each) for name, each in value.items()}
        elif keyword in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
            kept["anyOf" if keyword == "oneOf" else keyword] = [enforceable(each) for each in value]
        elif keyword == "items":
            kept[keyword] = enforceable(value)
        elif not _enforced(keyword, value):
            told.append(f"{keyword}: {value}")
        elif keyword != "$schema":
            kept[keyword] = value
    if kept.get("type") == "object" or "properties" in kept:
        kept["additionalProperties"] = False
    if told:
        kept["description"] = "\n\n".join(filter(None, (kept.get("description"), f"{{{', '.join(told)}}}")))
    return kept


def _enforced(keyword: str, value: Any) -> bool:
    if keyword == "minItems":
        return value in (0, 1)
    if keyword == "format":
        return value in _ENFORCED_FORMATS
    return keyword not in _NOT_ENFORCED
