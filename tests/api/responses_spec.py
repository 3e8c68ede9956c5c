"""OpenRouter's OpenAPI document as a check on Responses objects and events, where TRITIUM_OPENAPI says where it is.

The document contradicts itself: some events narrow what their parents have already closed (`allOf` over a `oneOf`), so
that no server tool's item and no part of a thought could ever be valid. Those parents are opened.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

PATH = os.environ.get("TRITIUM_OPENAPI")

_OPENED = {
    ("OutputItemAddedEvent", "item"): {},
    ("OutputItemDoneEvent", "item"): {},
    ("BaseContentPartAddedEvent", "part"): {},
    ("BaseContentPartDoneEvent", "part"): {},
    ("BaseResponsesResult", "output"): {"type": "array"},
}


def check_response(document: dict[str, Any]) -> None:
    _check("OpenResponsesResult", document)


def check_event(document: dict[str, Any]) -> None:
    if PATH:
        schemas, _ = _load()
        kinds = schemas["StreamEvents"]["discriminator"]["mapping"]
        _check(kinds[document["type"]].rpartition("/")[2], document)


def check_error(document: dict[str, Any]) -> None:
    _check("BadRequestResponse", document)


def check_request(document: dict[str, Any]) -> None:
    _check("ResponsesRequest", document)


def _check(name: str, document: dict[str, Any]) -> None:
    """Nothing without the document."""
    if PATH:
        faults = [fault.message[:300] for fault in _validator(name).iter_errors(document)]
        assert not faults, f"{name}: {faults}"


@functools.cache
def _load() -> Any:
    import referencing  # noqa: PLC0415 - only where the document is
    import yaml  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    document = yaml.load(Path(PATH or "").read_text(), Loader=yaml.CSafeLoader)
    schemas = document["components"]["schemas"]
    for (schema, name), open_schema in _OPENED.items():
        schemas[schema]["properties"][name] = open_schema
    resource = referencing.Resource(contents=document, specification=DRAFT202012)
    return schemas, referencing.Registry().with_resource("urn:openrouter", resource)


@functools.cache
def _validator(name: str) -> Any:
    import jsonschema  # noqa: PLC0415 - only where the document is

    _, registry = _load()
    schema = {"$ref": f"urn:openrouter#/components/schemas/{name}"}
    return jsonschema.Draft202012Validator(schema, registry=registry)
