"""OpenRouter's OpenAPI document as a check on what is answered, where TRITIUM_OPENAPI says where it is.

The document contradicts itself: some events narrow what their parents have already closed (`allOf` over a `oneOf`), so
that no server tool's item and no part of a thought could ever be valid. Those parents are opened. So is its list of
providers, which has none of one's own.
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
        schemas, *_ = _load()
        kinds = schemas["StreamEvents"]["discriminator"]["mapping"]
        _check(kinds[document["type"]].rpartition("/")[2], document)


def check_error(document: dict[str, Any]) -> None:
    _check("BadRequestResponse", document)


def check_request(document: dict[str, Any]) -> None:
    _check("ResponsesRequest", document)


def check_chunk(document: dict[str, Any]) -> None:
    """A chunk of a chat's stream."""
    _check("ChatStreamChunk", document)


def check_messages_event(document: dict[str, Any]) -> None:
    _check("MessagesStreamEvents", document)


def check_answer(method: str, path: str, status: int, document: dict[str, Any]) -> None:
    """The body of an answer, by the document's own path."""
    place = f"paths/{path.replace('~', '~0').replace('/', '~1')}/{method}/responses/{status}"
    if PATH:
        _, _, paths = _load()
        answer = paths[path][method]["responses"][str(status)]
        pointer = answer["$ref"][2:] if "$ref" in answer else place
        _check_at(f"{pointer}/content/application~1json/schema".replace("{", "%7B").replace("}", "%7D"), document)


def _check(name: str, document: dict[str, Any]) -> None:
    _check_at(f"components/schemas/{name}", document)


def _check_at(pointer: str, document: dict[str, Any]) -> None:
    """Nothing without the document."""
    if PATH:
        faults = [f"{fault.json_path}: {fault.message[:300]}" for fault in _validator(pointer).iter_errors(document)]
        assert not faults, f"{pointer}: {faults}"


@functools.cache
def _load() -> Any:
    import referencing  # noqa: PLC0415 - only where the document is
    import yaml  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    document = yaml.load(Path(PATH or "").read_text(), Loader=yaml.CSafeLoader)
    schemas = document["components"]["schemas"]
    for (schema, name), open_schema in _OPENED.items():
        schemas[schema]["properties"][name] = open_schema
    _open_providers(document)
    resource = referencing.Resource(contents=document, specification=DRAFT202012)
    return schemas, referencing.Registry().with_resource("urn:openrouter", resource), document["paths"]


def _open_providers(value: Any) -> None:
    """Take every list of OpenRouter's own providers away; FakeProvider is on all of them."""
    if isinstance(value, dict):
        if isinstance(value.get("enum"), list) and "FakeProvider" in value["enum"]:
            del value["enum"]
    elif not isinstance(value, list):
        return
    for each in value.values() if isinstance(value, dict) else value:
        _open_providers(each)


@functools.cache
def _validator(pointer: str) -> Any:
    import jsonschema  # noqa: PLC0415 - only where the document is

    _, registry, _ = _load()
    schema = {"$ref": f"urn:openrouter#/{pointer}"}
    return jsonschema.Draft202012Validator(schema, registry=registry)
