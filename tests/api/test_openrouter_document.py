"""Every kind of answer under `/api/v1` is valid by OpenRouter's own document, where that is at hand."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from .responses_spec import (
    PATH,
    check_answer,
    check_chunk,
    check_error,
    check_event,
    check_messages_event,
    check_response,
)

pytestmark = pytest.mark.skipif(not PATH, reason="TRITIUM_OPENAPI names no document")

MODEL = "scripted/say=hello"
HELLO = [{"role": "user", "content": "Hi"}]
SECRET = "sk-management"
PANEL = ["scripted/say=A%20pump%20saves%20more.", "scripted/say=A%20boiler%20is%20cheaper.", "scripted/error=429"]
FUSED = {
    "model": "openrouter/fusion",
    "messages": [{"role": "user", "content": "Compare heat pumps with gas boilers at length."}],
    "fusion": {"panel": PANEL, "judge": "scripted/judge=0", "synthesizer": "scripted/say=Both%20have%20their%20place."},
}


@pytest.fixture
async def api(serve):
    """A client of a gateway with a management key; it asks without a key, as long as none is made."""
    live = await serve({"accounts": {"management_key_env": "MANAGEMENT"}}, MANAGEMENT=SECRET)
    async with httpx2.AsyncClient(base_url=f"{live.url}/api/v1", timeout=20, verify=False) as client:
        yield client


def managing() -> dict[str, str]:
    return {"authorization": f"Bearer {SECRET}"}


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {"model": MODEL, "messages": HELLO}),
        ("/chat/completions", {"model": "scripted/tool=look_up", "messages": HELLO}),
        ("/chat/completions", FUSED),
        ("/messages", {"model": MODEL, "messages": HELLO, "max_tokens": 9}),
        ("/messages", {"model": "scripted/tool=look_up", "messages": HELLO, "max_tokens": 9}),
        ("/messages", {**FUSED, "max_tokens": 99}),
        ("/responses", {"model": MODEL, "input": "Hi"}),
        ("/embeddings", {"model": MODEL, "input": ["Hi", "Ho"]}),
        ("/rerank", {"model": MODEL, "query": "Hi", "documents": ["Ho", "Hi"], "top_n": 1}),
    ],
)
@pytest.mark.parametrize("metadata", ["", "enabled"])
async def test_a_whole_answer(api, path, body, metadata):
    answer = await api.post(path, json=body, headers={"X-OpenRouter-Metadata": metadata})

    assert answer.status_code == 200
    check_answer("post", path, 200, answer.json())
    if path == "/responses":
        check_response(answer.json())
    kept = await api.get("/generation", params={"id": answer.json()["id"]})
    check_answer("get", "/generation", 200, kept.json())


@pytest.mark.parametrize("model", [MODEL, "scripted/tool=look_up", "scripted/words=9;die=3", "openrouter/fusion"])
@pytest.mark.parametrize(
    ("path", "check"),
    [("/chat/completions", check_chunk), ("/messages", check_messages_event), ("/responses", check_event)],
)
async def test_a_stream_and_each_of_its_events(api, path, check, model):
    body: dict[str, Any] = {"model": model, "stream": True}
    body |= {"input": "Hi"} if path == "/responses" else {"messages": HELLO}
    body |= {"max_tokens": 99} if path == "/messages" else {}
    body |= {"fusion": {**FUSED["fusion"], "events": True}} if model == "openrouter/fusion" else {}

    answer = await api.post(path, json=body, headers={"X-OpenRouter-Metadata": "enabled"})

    events = events_of(answer)
    assert len(events) > 1
    for event in events:
        check(event)


@pytest.mark.parametrize(
    ("path", "document_path"),
    [
        ("/models", "/models"),
        ("/models?output_modalities=all", "/models"),
        ("/models/count", "/models/count"),
        ("/models/user", "/models/user"),
        ("/models/tritium/fusion/endpoints", "/models/{author}/{slug}/endpoints"),
        ("/models/openai/gpt-6.1-sol/endpoints", "/models/{author}/{slug}/endpoints"),
        ("/model/openai/gpt-6.1-sol", "/model/{author}/{slug}"),
        ("/embeddings/models", "/embeddings/models"),
        ("/providers", "/providers"),
        ("/credits", "/credits"),
        ("/activity", "/activity"),
        ("/key", "/key"),
    ],
)
async def test_what_is_known(serve, path, document_path):
    live = await serve(OPENAI_API_KEY="k", GROQ_API_KEY="k", COHERE_API_KEY="k")
    async with httpx2.AsyncClient(base_url=f"{live.url}/api/v1", verify=False) as client:
        await client.post("/chat/completions", json={"model": MODEL, "messages": HELLO})
        answer = await client.get(path)

    assert answer.status_code == 200, answer.text
    check_answer("get", document_path, 200, answer.json())


async def test_keys_from_their_making_to_their_end(api):
    made = await api.post("/keys", json={"name": "team a", "limit": 10, "limit_reset": "monthly"}, headers=managing())
    check_answer("post", "/keys", 201, made.json())
    own = {"authorization": f"Bearer {made.json()['key']}"}
    place = f"/keys/{made.json()['data']['hash']}"

    check_answer("get", "/key", 200, (await api.get("/key", headers=own)).json())
    check_answer("get", "/keys", 200, (await api.get("/keys", headers=managing())).json())
    check_answer("get", "/keys/{hash}", 200, (await api.get(place, headers=managing())).json())
    changed = await api.patch(place, json={"limit": 5}, headers=managing())
    check_answer("patch", "/keys/{hash}", 200, changed.json())
    code = await api.post("/auth/keys/code", json={"callback_url": "https://example.org/"}, headers=managing())
    check_answer("post", "/auth/keys/code", 200, code.json())
    redeemed = await api.post("/auth/keys", json={"code": code.json()["data"]["id"]})
    check_answer("post", "/auth/keys", 200, redeemed.json())
    check_answer("delete", "/keys/{hash}", 200, (await api.delete(place, headers=managing())).json())


@pytest.mark.parametrize("path", ["/chat/completions", "/messages", "/responses", "/embeddings"])
@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("acme/none", 400),
        ("scripted/error=402", 402),
        ("scripted/error=403", 502),
        ("scripted/error=404", 404),
        ("scripted/error=429", 429),
        ("scripted/error=500", 502),
        ("scripted/error=503", 503),
    ],
)
async def test_a_failure(api, path, model, status):
    body = {"model": model, "messages": HELLO, "input": "Hi"} | ({"max_tokens": 9} if path == "/messages" else {})
    if path != "/chat/completions":
        del body["messages" if path in ("/responses", "/embeddings") else "input"]

    answer = await api.post(path, json=body)

    if path == "/messages" and model == "acme/none":
        status = 404  # Anthropic's
    assert answer.status_code == status, answer.text
    listed = 500 if path == "/messages" and status in (402, 502) else status  # it has no such, and one shape for all
    check_answer("post", path, listed, answer.json())
    if path == "/responses" and status == 400:
        check_error(answer.json())
