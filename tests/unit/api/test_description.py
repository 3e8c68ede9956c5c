"""The OpenAPI document and the table of routes: neither may have what the other hasn't."""

from __future__ import annotations

import re
import subprocess
import sys

import jsonschema
import pytest

from tritium.api.description.document import openapi_document
from tritium.api.description.table import OPERATIONS
from tritium.api.routes import ROUTES


def test_every_route_is_described_and_nothing_else():
    described = {(path, method) for path, methods in OPERATIONS.items() for method in methods}
    routed = {(path, method) for path, methods in ROUTES.items() for method in methods}

    assert described == routed


def test_every_reference_leads_somewhere_and_every_schema_is_one():
    document = openapi_document()
    schemas = document["components"]["schemas"]

    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[\w.-]+", name)
    assert set(_references(document)) <= {f"#/components/schemas/{name}" for name in schemas}


def test_operations_have_names_of_their_own():
    names = [each["operationId"] for path in openapi_document()["paths"].values() for each in path.values()]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/chat/completions", "OpenAIError"),
        ("/api/v1/chat/completions", "OpenRouterError"),
        ("/v1/messages", "AnthropicError"),
        ("/api/v1/messages/count_tokens", "AnthropicError"),
    ],
)
def test_a_failure_is_described_in_its_dialect(path, error):
    refusal = openapi_document()["paths"][path]["post"]["responses"]["401"]

    assert refusal["content"]["application/json"]["schema"] == {"$ref": f"#/components/schemas/{error}"}


def test_nobody_pays_for_the_document_who_does_not_ask():
    code = "import sys, tritium.app; sys.exit(any('tritium.api.description' in name for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
