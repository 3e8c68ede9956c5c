"""Whether a proposed call can be made: the tool is offered, and its arguments satisfy the tool's JSON schema.

Format: JSON Schema 2020-12, those keywords that tools use; others, and types that nobody knows, forbid nothing.
References are followed within the schema only. A pattern is not tried: one that is written badly could take forever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from tritium.chat import ToolCall
from tritium.fusion.canonical.json_value import canonical_value, read_strictly

Schema = Mapping[str, Any]

_DEPTH = 64
"""Of schemas within schemas; a reference that leads back to itself ends here."""

_STEPS = 20_000
"""Of one check; what a schema would still demand after so many forbids nothing."""

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float | Decimal) and not isinstance(value, bool),
    "integer": lambda value: (
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value == int(value)
    ),
}


class Offered:
    """The functions that a request offers, by name."""

    def __init__(self, tools: Iterable[Mapping[str, Any]]) -> None:
        self._parameters: dict[str, Schema] = {}
        self._others = False
        for tool in tools:
            function = tool.get("function") if tool.get("type") == "function" else None
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                given = function.get("parameters")
                self._parameters[function["name"]] = given if isinstance(given, dict) else {}
            else:
                self._others = True  # a vendor's own: by which names it calls is not ours to know

    def fault(self, call: ToolCall) -> str | None:
        """Why the call can't be made, for people; None if it can."""
        function = call.function
        name = (function.name if function is not None else None) or ""
        schema = self._parameters.get(name)
        if schema is None:
            return None if self._others and name else f"there is no function {name[:80]!r}"
        text = (function.arguments if function is not None else None) or ""
        arguments = read_strictly(text) if text.strip() else {}
        if not isinstance(arguments, dict):
            return f"the arguments of {name} are no JSON object"
        found = next(faults(arguments, schema), None)
        return None if found is None else f"{name}: {found}"


class _Check:
    """One value's check: where references lead, and how much work is left for it."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.left = _STEPS


def faults(value: Any, schema: Schema) -> Iterator[str]:
    """What in a decoded value violates the schema, for people; nothing if it is valid."""
    return _faults(value, schema, _Check(schema), "", 0)


def _faults(value: Any, schema: Any, check: _Check, where: str, depth: int) -> Iterator[str]:
    if schema is False:
        yield f"{where or 'the value'} is not allowed"
    check.left -= 1
    if not isinstance(schema, dict) or depth > _DEPTH or check.left < 0:
        return
    if "$ref" in schema:
        yield from _faults(value, _referred(schema["$ref"], check.root), check, where, depth + 1)
    here = where or "the value"
    kinds = schema.get("type")
    known = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    tests = [_TYPES[kind] for kind in known if isinstance(kind, str) and kind in _TYPES]
    if tests and len(tests) == len(known) and not any(test(value) for test in tests):
        yield f"{here} is no {' or '.join(known)}"
        return
    yield from _listed(value, schema, here)
    yield from _sized(value, schema, here)
    yield from _combined(value, schema, check, where, depth)
    if isinstance(value, dict):
        yield from _in_object(value, schema, check, where, depth)
    if isinstance(value, list):
        for place, each in enumerate(value):
            yield from _faults(each, schema.get("items", True), check, f"{where}[{place}]", depth + 1)


def _listed(value: Any, schema: Schema, here: str) -> Iterator[str]:
    allowed = schema.get("enum")
    if "const" in schema:
        allowed = [schema["const"]]
    if isinstance(allowed, list) and not any(_same(value, each) for each in allowed):
        yield f"{here} is none of the {len(allowed)} that are allowed"


def _same(one: Any, other: Any) -> bool:
    try:
        return canonical_value(one) == canonical_value(other)
    except (TypeError, RecursionError):
        return False


_MEASURES: tuple[tuple[str, type | tuple[type, ...], Callable[[Any, Any], bool], str], ...] = (
    ("minLength", str, lambda value, bound: len(value) >= bound, "is shorter than"),
    ("maxLength", str, lambda value, bound: len(value) <= bound, "is longer than"),
    ("minItems", list, lambda value, bound: len(value) >= bound, "has fewer items than"),
    ("maxItems", list, lambda value, bound: len(value) <= bound, "has more items than"),
    ("minimum", (int, float, Decimal), lambda value, bound: value >= bound, "is below"),
    ("maximum", (int, float, Decimal), lambda value, bound: value <= bound, "is above"),
    ("exclusiveMinimum", (int, float, Decimal), lambda value, bound: value > bound, "is not above"),
    ("exclusiveMaximum", (int, float, Decimal), lambda value, bound: value < bound, "is not below"),
)


def _sized(value: Any, schema: Schema, here: str) -> Iterator[str]:
    for keyword, kind, holds, says in _MEASURES:
        bound = schema.get(keyword)
        if not isinstance(bound, int | float) or isinstance(bound, bool):
            continue
        if isinstance(value, kind) and not isinstance(value, bool) and not holds(value, bound):
            yield f"{here} {says} {bound}"


def _combined(value: Any, schema: Schema, check: _Check, where: str, depth: int) -> Iterator[str]:
    for each in _schemas(schema.get("allOf")):
        yield from _faults(value, each, check, where, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        choices = _schemas(schema.get(keyword))
        if not choices:
            continue
        fitting = sum(next(_faults(value, each, check, where, depth + 1), None) is None for each in choices)
        if fitting == 0 or (keyword == "oneOf" and fitting > 1):
            yield f"{where or 'the value'} fits {fitting or 'none'} of the {len(choices)} forms that it may have"


def _in_object(value: dict[str, Any], schema: Schema, check: _Check, where: str, depth: int) -> Iterator[str]:
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{where}.{name} is missing".lstrip(".")
    given = schema.get("properties")
    properties = given if isinstance(given, dict) else {}
    patterned = "patternProperties" in schema
    others = True if patterned else schema.get("additionalProperties", True)
    for name, each in value.items():
        inside = f"{where}.{name}".lstrip(".")
        if name in properties:
            yield from _faults(each, properties[name], check, inside, depth + 1)
        elif others is False:
            yield f"{inside} is not among its parameters"
        else:
            yield from _faults(each, others, check, inside, depth + 1)


def _schemas(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _referred(reference: Any, root: Schema) -> Any:
    """What `#/$defs/name` stands for; of any other reference nothing is known, and it forbids nothing."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return True
    found: Any = root
    for step in filter(None, reference[1:].split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or key not in found:
            return True
        found = found[key]
    return found
