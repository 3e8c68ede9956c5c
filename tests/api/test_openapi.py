"""The OpenAPI document against the gateway: what it allows is asked, and every answer must be one that it tells of."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx2
import jsonschema
import pytest
import referencing
import schemathesis
from hypothesis import HealthCheck, given, settings
from referencing.jsonschema import DRAFT202012
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tritium.api.description.document import openapi_document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""Per operation; a hundred finds no more than a dozen did, and takes minutes."""
MODEL = "scripted/say=hello"
SECRET = "sk-management"
MANAGED = {"accounts": {"management_key_env": "MANAGEMENT"}, "presets": {"brief": {"system_prompt": "Be brief."}}}
PRESET = {"slug": "brief", "version": "1"}

DOCUMENT = json.loads(json.dumps(openapi_document()))
OPERATIONS = {
    each["operationId"]: (path, method, each)
    for path, methods in DOCUMENT["paths"].items()
    for method, each in methods.items()
}
REGISTRY = referencing.Registry().with_resource(
    "urn:tritium", referencing.Resource(contents=DOCUMENT, specification=DRAFT202012)
)


async def test_the_document_is_served_with_and_without_a_prefix_and_to_anybody(serve):
    live = await serve({"accounts": {"require_key": True}})
    async with httpx2.AsyncClient(base_url=live.url) as client:
        for prefix in ("", "/v1", "/api/v1"):
            answer = await client.get(f"{prefix}/openapi.json")
            assert answer.status_code == 200
            assert answer.json() == DOCUMENT


# ---------------------------------------------------------------- whatever is allowed, and what isn't


@pytest.mark.parametrize("name", OPERATIONS)
async def test_whatever_is_asked_is_answered_as_the_document_says(serve, name):
    live = await serve(MANAGED, MANAGEMENT=SECRET)
    path, method, described = OPERATIONS[name]
    alone = {**DOCUMENT, "paths": {path: {method: described}}}
    headers = {"Authorization": f"Bearer {SECRET}"} if {"management": []} in described["security"] else {}

    await asyncio.to_thread(examine, alone, live.url, path, method, headers)


def examine(document, url, path, method, headers):
    described = document["paths"][path][method]
    operation = schemathesis.openapi.from_dict(document)[path][method]
    # A lone model's request isn't refused for a fusion's options, nor any for a query that says nothing, like `sort=`.
    strict = "requestBody" in described and "inference" not in described["tags"]
    checks = [*CHECKS, negative_data_rejection] if strict else CHECKS
    cases = operation.as_strategy()
    if operation.body or operation.query:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def ask(case):
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODEL  # of all names few are of models
        case.call_and_validate(base_url=url, headers=headers, checks=checks, timeout=10)

    ask()


# ---------------------------------------------------------------- what succeeds


CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
BODIES = {
    "/chat/completions": CHAT,
    "/completions": {"model": MODEL, "prompt": "Hi"},
    "/responses": {"model": MODEL, "input": "Hi"},
    "/messages": {**CHAT, "max_tokens": 99},
    "/messages/count_tokens": CHAT,
    "/fusion/explain": {**CHAT, "model": "tritium/fusion", "fusion": {"panel": ["scripted/say=4"]}},
    "/embeddings": {"model": MODEL, "input": "Hi"},
    "/rerank": {"model": MODEL, "query": "Hi", "documents": ["Ho", {"text": "Hi"}]},
    "/fusion/runs/{id}/replay": {"strategy": "consensus"},
    "/keys": {"name": "another"},
    "/keys/{hash}": {"name": "a better name", "limit": 3, "limit_reset": "daily"},
    "/auth/keys/code": {"key_label": "an app"},
}


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_what_succeeds_is_as_the_document_says(serve, prefix):
    """Every operation once, with what makes it succeed; those that can stream, twice."""
    live = await serve({**MANAGED, "accounts": {**MANAGED["accounts"], "require_key": True}}, MANAGEMENT=SECRET)
    async with httpx2.AsyncClient(base_url=live.url + prefix, headers={"authorization": f"Bearer {SECRET}"}) as client:
        made = (await client.post("/keys", json={"name": "a caller", "limit": 5})).json()
        code = (await client.post("/auth/keys/code", json={})).json()["data"]["id"]
        caller = {"authorization": f"Bearer {made['key']}"}
        fused = {**CHAT, "model": "tritium/fusion", "fusion": {"panel": ["scripted/say=4", "scripted/say=4;delay=1"]}}
        run = (await client.post("/chat/completions", json=fused, headers=caller)).json()
        names = {"hash": made["data"]["hash"], "name": "tritium/fusion", "id": run["id"], **PRESET}
        bodies = {**BODIES, "/auth/keys": {"code": code}}
        seen = Counter()
        for path, method, described in sorted(OPERATIONS.values(), key=lambda each: each[1] == "delete"):
            if not path.startswith(prefix + "/"):
                continue
            place = path.removeprefix(prefix)
            headers = {} if {"management": []} in described["security"] else caller
            body = bodies.get(place) if "requestBody" in described else None
            for streaming in (False, True):
                stream = {"stream": True} if streaming else {}
                if streaming and "model" in (body or {}):
                    stream["stream_options"] = {"include_usage": True}
                if ("text/event-stream" if streaming else "application/json") not in content(described):
                    continue
                answer = await client.request(
                    method.upper(),
                    place.format(**names),
                    params={"id": run["id"]} if place == "/generation" else None,
                    json=None if body is None else {**body, **stream},
                    headers=headers,
                )
                check(described, answer, streaming)
                seen[answer.status_code] += 1

    assert seen[200] > 25
    assert seen[201] == 1


async def test_a_stream_that_fails_ends_as_the_document_says(serve):
    live = await serve()
    for prefix in ("/v1", "/api/v1"):
        for place in ("/chat/completions", "/completions", "/responses", "/messages"):
            body = {**BODIES[place], "model": "scripted/words=9;die=3", "stream": True}
            async with httpx2.AsyncClient(base_url=live.url + prefix) as client:
                answer = await client.post(place, json=body)
            check(DOCUMENT["paths"][prefix + place]["post"], answer, streaming=True)


def content(described):
    return next(iter(described["responses"].values()))["content"]


def check(described, answer, streaming):
    status = next(iter(described["responses"]))
    assert answer.status_code == int(status), (described["operationId"], answer.text)
    if not streaming:
        assert answer.headers["content-type"] == "application/json"
        conforms(content(described)["application/json"]["schema"], answer.json())
        return
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events
    for event in events:
        if event != "[DONE]":
            data = content(described)["text/event-stream"]["schema"]["properties"]["data"]
            conforms(data["anyOf"][0]["contentSchema"], json.loads(event))


def conforms(schema, document):
    reference = schema["$ref"].replace("#", "urn:tritium#")
    faults = list(jsonschema.Draft202012Validator({"$ref": reference}, registry=REGISTRY).iter_errors(document))
    assert not faults, f"{schema['$ref']}: {[fault.message[:300] for fault in faults]}"
