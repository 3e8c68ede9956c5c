"""The OpenAPI document: every route twice, since `/v1` and `/api/v1` answer failures in different shapes.

Format: OpenAPI 3.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tritium import __version__
from tritium.api.application import PREFIXES, split_path
from tritium.api.description.answers import TEXT, answer_schemas, the
from tritium.api.description.operation import Operation, Parameter
from tritium.api.description.requests import request_schemas
from tritium.api.description.table import OPERATIONS
from tritium.api.errors import Dialect

_ABOUT = """One API in front of every provider, in the dialects of OpenAI, OpenRouter and Anthropic.

Everything is at `/v1` with OpenAI's errors and at `/api/v1` with OpenRouter's; `/messages` has Anthropic's at both.
Where no key has been made yet, none is asked for. Fields that Tritium doesn't know are passed on to the provider."""

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key made here."},
    "anthropic": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same, as Anthropic's."},
    "management": {"type": "http", "scheme": "bearer", "description": "The management key."},
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "anybody": [],
    "caller": [{"bearer": []}, {"anthropic": []}, {}],
    "owner": [{"management": []}, {}],
    "manager": [{"management": []}],
}

_MEANINGS = {
    400: "The body, a parameter or a combination of them is wrong.",
    401: "There is no key, or one that nobody has.",
    402: "It would cost more than the caller may spend.",
    403: "The caller may not do this.",
    404: "There is no such thing, or nobody may serve it under the request's conditions.",
    409: "It can't be done with the thing as it is at present.",
    413: "The body is larger than the server takes.",
    429: "Too much at once, here or at the provider; `Retry-After` says when to come back.",
    500: "Something went wrong in the gateway.",
    502: "The provider can't be reached, broke off, or answered something that isn't an answer.",
    503: "The provider has no capacity.",
    504: "The provider took longer than it is given.",
}
_ALWAYS = (401, 403, 500)
_OF_MODELS = (400, 402, 404, 413, 429, 502, 503, 504)
_ERRORS: dict[Dialect, str] = {
    "openai": "OpenAIError",
    "openrouter": "OpenRouterError",
    "anthropic": "AnthropicError",
}
_NAMES = re.compile(r"{(\w+)\*?}")


def openapi_document() -> dict[str, Any]:
    """The whole document, ready to be encoded."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tritium", "version": __version__, "description": _ABOUT, "license": _LICENSE},
        "paths": dict(_paths()),
        "components": {
            "schemas": {**request_schemas(), **answer_schemas()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _paths() -> Iterator[tuple[str, Any]]:
    for path, methods in OPERATIONS.items():
        prefixes = [prefix for prefix, _ in PREFIXES]
        if any(operation.unprefixed for operation in methods.values()):
            prefixes.append("")
        for prefix in prefixes:
            described = {method.lower(): _described(method, prefix, path, each) for method, each in methods.items()}
            yield prefix + _NAMES.sub(r"{\1}", path), described


def _described(method: str, prefix: str, path: str, operation: Operation) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{method} {prefix}{path}").strip("_").lower()
    found: dict[str, Any] = {
        "operationId": name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_in_path(path), *map(_parameter, operation.parameters)],
        "responses": _responses(operation, split_path(prefix + path)[0]),
        "security": _SECURITY[operation.who],
    }
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": the(operation.body)}}}
    return found


def _in_path(path: str) -> list[dict[str, Any]]:
    """A model's name may have slashes, written as they are; a template can't say so."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            **({"description": "A model's name, its slashes as they are."} if name == "name" else {}),
        }
        for name in _NAMES.findall(path)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.says,
        "schema": parameter.schema,
    }


def _event(name: str) -> dict[str, Any]:
    """Of each event in a stream; before 3.2 the format has no word for what its data holds but JSON Schema's own."""
    document = {"type": "string", "contentMediaType": "application/json", "contentSchema": the(name)}
    end = {"const": "[DONE]"}
    return {"type": "object", "properties": {"event": TEXT, "data": {"anyOf": [document, end]}}, "required": ["data"]}


def _responses(operation: Operation, dialect: Dialect) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.answer is not None:
        content["application/json"] = {"schema": the(operation.answer)}
    if operation.event is not None:
        content["text/event-stream"] = {"schema": _event(operation.event)}
    found: dict[str, Any] = {str(operation.status): {"description": operation.summary, "content": content}}
    failure = {"content": {"application/json": {"schema": the(_ERRORS[dialect])}}}
    statuses = {*_ALWAYS, *operation.errors, *(_OF_MODELS if operation.asks_a_model else ())}
    for status in sorted(statuses):
        found[str(status)] = {"description": _MEANINGS[status], **failure}
    if operation.asks_a_model:
        found["4XX"] = {"description": "The provider's own refusal.", **failure}
    for status in ("429", "503"):
        if status in found:
            seconds = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
            found[status] = {**found[status], "headers": {"Retry-After": seconds}}
    return found
