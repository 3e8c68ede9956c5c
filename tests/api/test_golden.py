"""The 39 golden bodies: each request is answered, and what is answered has each body's keys, types and order.

A body is an example of a wire format, so its words and figures stand for others. Where Tritium leaves something out,
the test says so, and fails as soon as that is no longer true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import httpx2
import pytest

MODELS = {
    "alpha/first": {"kind": "alias", "target": "scripted/say=The%20train%20is%20slower.;delay=1"},
    "beta/second": {"kind": "alias", "target": "scripted/error=429"},
    "gamma/judge": {"kind": "alias", "target": "scripted/judge=1"},
    "gamma/outer": {"kind": "alias", "target": "scripted/say=Both%20arrive."},
}
MANAGED = {"accounts": {"management_key_env": "MANAGEMENT"}, "environment": {"MANAGEMENT": "sk-management"}}
MANAGER = {"authorization": "Bearer sk-management"}
NOTHING: AbstractSet[str] = frozenset()
QUESTION = "Is the night train better than the plane? Give reasons at length."


def golden(name: str) -> list[dict[str, Any]]:
    """The bodies of one situation, in their order."""
    return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text("utf-8"))


def differences(want: Any, have: Any, path: str = "") -> Iterator[str]:
    """Where `have` lacks a key of `want`, or has another type there; null stands for what isn't known."""
    if want is None or (have is None and path):
        return
    if isinstance(want, dict) and isinstance(have, dict):
        for key, value in want.items():
            place = f"{path}.{key}".lstrip(".")
            if key in have:
                yield from differences(value, have[key], place)
            else:
                yield place
    elif isinstance(want, list) and isinstance(have, list):
        if want and have:
            yield from differences(want[0], have[0], f"{path}[]")
    elif _kind(want) != _kind(have):
        yield f"{path}: {_kind(have)}, not {_kind(want)}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else type(value).__name__


def assert_shaped(want: Any, have: Any, *, without: AbstractSet[str] = NOTHING) -> None:
    """`without`: what Tritium leaves out of such a body, and nothing else."""
    assert set(differences(want, have)) == set(without)


@pytest.fixture
async def api(serve):
    """`api(...)` starts a gateway with the golden bodies' models; returns a client of its OpenRouter dialect."""
    clients = []

    async def start(**more):
        environment = more.pop("environment", {})
        live = await serve({"models": MODELS, **more}, **environment)
        client = httpx2.AsyncClient(base_url=f"{live.url}/api/v1", timeout=20, verify=False)
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.aclose()


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    *lines, done = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    return [json.loads(line) for line in lines]


PANEL = ["alpha/first", "gamma/outer", "beta/second"]
FUSED = {
    "model": "openrouter/fusion",
    "messages": [{"role": "user", "content": QUESTION}],
    "plugins": [{"id": "fusion", "analysis_models": PANEL, "model": "gamma/judge"}],
}


DEMANDED = {"tool_choice": "required"}


def panel_tool(*models: str) -> dict[str, Any]:
    return {"type": "openrouter:fusion", "parameters": {"analysis_models": list(models), "model": "gamma/judge"}}


# ---------------------------------------------------------------- requests


async def test_a_fusion_request_with_everything_set_is_answered(api):
    client = await api()
    (request,) = golden("chat_fusion_request")

    answer = await client.post("/chat/completions", json=request)

    *_, last = events_of(answer)
    asked = [seat["model"] for seat in last["fusion"]["seats"]]
    targets = [MODELS[name]["target"] for name in request["plugins"][0]["analysis_models"]]
    assert asked == targets
    assert last["fusion"]["decision"]["how"] == "judge_select"


async def test_a_fusion_tool_beside_a_function_is_answered(api):
    client = await api()
    (request,) = golden("responses_fusion_request")

    answer = await client.post("/responses", json=request)

    *_, last = events_of(answer)
    assert last["type"] == "response.completed"
    assert [tool["name"] for tool in last["response"]["tools"]] == ["get_step"]


# ---------------------------------------------------------------- chat


async def test_a_fused_answer(api):
    client = await api()
    (body,) = golden("chat_fusion_answer")

    answer = await client.post("/chat/completions", json=FUSED, headers={"X-OpenRouter-Metadata": "enabled"})

    assert_shaped(
        body,
        answer.json(),
        without={
            "provider",  # several had a part in it; `fusion.seats` names them
            "openrouter_metadata.attempts",  # `pipeline` tells of the panel's
            "choices[].native_finish_reason",  # whose words would they be
            "choices[].message.reasoning",
            "choices[].message.reasoning_details",  # the panel's answers are in the run, under `fusion.run`
            "usage.server_tool_use_details",
            "usage.prompt_tokens_details.audio_tokens",
            "usage.prompt_tokens_details.video_tokens",
            "usage.completion_tokens_details.audio_tokens",
            "usage.completion_tokens_details.accepted_prediction_tokens",
            "usage.completion_tokens_details.rejected_prediction_tokens",
        },
    )


def vendor(upstream) -> dict[str, Any]:
    return {"providers": {"vendor": {"base_url": upstream.url, "key_env": "KEY"}}, "environment": {"KEY": "sk"}}


async def test_a_stream_chunk_by_chunk(api, upstream, wire):
    client = await api(**vendor(upstream))
    bodies = golden("chat_stream")
    upstream.reply = wire.events(*bodies, b"[DONE]")

    answer = await client.post(
        "/chat/completions", json={"model": "vendor/m", "messages": FUSED["messages"], "stream": True}
    )

    chunks = events_of(answer)
    assert len(chunks) == len(bodies)
    for body, chunk in zip(bodies, chunks, strict=True):
        without = {"provider"} if not body["choices"] else set()  # usage is of everybody who was asked
        assert_shaped(body, chunk, without=without)
    assert [chunk["choices"] for chunk in chunks] == [body["choices"] for body in bodies]


async def test_a_stream_that_fails_midway(api, upstream, wire):
    client = await api(**vendor(upstream))
    (body,) = golden("chat_stream_failure")
    upstream.reply = wire.events(golden("chat_stream")[1], {"error": {"code": 502, "message": "gone"}})

    answer = await client.post(
        "/chat/completions", json={"model": "vendor/m", "messages": FUSED["messages"], "stream": True}
    )

    assert_shaped(
        body,
        events_of(answer)[-1],
        without={"provider", "error.metadata.provider_code"},  # `error.metadata.provider_name` says who failed
    )


# ---------------------------------------------------------------- Responses


async def test_a_panels_run_event_by_event(api):
    client = await api()
    bodies = golden("responses_fusion_stream")

    answer = await client.post(
        "/responses",
        json={"model": "gamma/outer", "input": QUESTION, "stream": True, "tools": [panel_tool(*PANEL)], **DEMANDED},
    )

    events = events_of(answer)
    for body in bodies:
        alike = [event for event in events if _named(event) == _named(body)]
        if body["type"] == "response.fusion_call.panel.reasoning.delta":
            assert not alike  # a panel's thoughts aren't told
            continue
        without = {"item.sources"} if _named(body) == "response.output_item.done of openrouter:fusion" else set()
        assert_shaped(body, alike[0], without=without)  # its sources are those of web tools
    told = list(dict.fromkeys(map(_stage, events)))
    assert [stage for stage in told if stage in set(map(_stage, bodies))] == list(dict.fromkeys(map(_stage, bodies)))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def _named(event: dict[str, Any]) -> str:
    return f"{event['type']} of {event['item']['type']}" if "item" in event else event["type"]


def _stage(event: dict[str, Any]) -> str:
    """Where in a run it belongs: the seats of a panel speak as they please."""
    return "panel" if event["type"].startswith("response.fusion_call.panel") else _named(event)


async def test_a_run_in_which_nobody_answered(api):
    client = await api()
    (body,) = golden("fusion_item_failed")
    tool = panel_tool("beta/second", "scripted/error=500")

    answer = await client.post(
        "/responses", json={"model": "gamma/outer", "input": QUESTION, "stream": True, "tools": [tool], **DEMANDED}
    )

    failed = events_of(answer)[-1]["response"]
    assert failed["status"] == "failed"
    assert_shaped(body, failed["output"][0])
    assert failed["output"][0]["status"] == body["status"]
    assert failed["output"][0]["failure_reason"] == body["failure_reason"]


# ---------------------------------------------------------------- errors


async def test_an_unknown_model(api):
    client = await api()
    body, *_ = golden("errors")

    answer = await client.post("/chat/completions", json={**FUSED, "model": "alpha/none", "plugins": []})

    assert_error(body, answer, without={"error.availability.docs_url"})
    assert answer.json()["error"]["availability"] == {
        name: value for name, value in body["error"]["availability"].items() if name != "docs_url"
    }


async def test_a_key_that_has_spent_its_limit(api):
    client = await api(**MANAGED)
    _, body, _ = golden("errors")
    made = await client.post("/keys", json={"name": "poor", "limit": 0}, headers=MANAGER)

    own = {"authorization": f"Bearer {made.json()['key']}"}
    answer = await client.post("/chat/completions", json={**FUSED, "model": "gamma/outer"}, headers=own)

    assert_error(body, answer)


async def test_too_many_requests(api):
    client = await api()
    *_, body = golden("errors")

    answer = await client.post("/chat/completions", json={**FUSED, "model": "beta/second"})

    assert_error(body, answer, without={"error.metadata.provider_code"})


def assert_error(body: dict[str, Any], answer: httpx2.Response, *, without: AbstractSet[str] = NOTHING) -> None:
    error = answer.json()["error"]
    assert_shaped(body, answer.json(), without=without)
    assert answer.status_code == error["code"] == body["error"]["code"]
    assert error["metadata"]["error_type"] == body["error"]["metadata"]["error_type"]


# ---------------------------------------------------------------- Messages


@pytest.mark.parametrize(("which", "model", "status"), [(0, "gamma/outer", 200), (1, "beta/second", 429)])
async def test_anthropics_skin(api, which, model, status):
    client = await api()
    body = golden("messages")[which]

    answer = await client.post("/messages", json={**FUSED, "model": model, "max_tokens": 9, "plugins": []})

    assert answer.status_code == status
    assert_shaped(body, answer.json())
    assert answer.json()["type"] == body["type"]
    if status == 429:
        assert answer.json()["error"]["type"] == body["error"]["type"]


# ---------------------------------------------------------------- what is known


async def test_a_page_of_models_with_a_fusion_on_it(api):
    client = await api()
    (body,) = golden("models_page")

    page = (await client.get("/models")).json()

    row = next(row for row in page["data"] if row["id"] == "tritium/fusion")
    assert_shaped(body, {**page, "data": [row]})
    assert row["pricing"] == body["data"][0]["pricing"]
    assert row["architecture"]["tokenizer"] == body["data"][0]["architecture"]["tokenizer"]


async def test_a_key_as_its_owner_and_as_its_maker_sees_it(api):
    client = await api(**MANAGED)
    owners, makers = golden("keys")

    made = await client.post("/keys", json={"name": "a team", "limit": 10, "limit_reset": "monthly"}, headers=MANAGER)
    seen = await client.get("/key", headers={"authorization": f"Bearer {made.json()['key']}"})

    assert_shaped(makers, made.json())
    assert_shaped(owners, seen.json())


async def test_a_fused_answers_generation(api):
    client = await api()
    (body,) = golden("generation")
    answer = await client.post("/chat/completions", json={**FUSED, "stream": True})

    kept = await client.get("/generation", params={"id": events_of(answer)[0]["id"]})

    assert_shaped(body, kept.json())
    assert kept.json()["data"]["router"] == body["data"]["router"]


def test_all_39_are_here():
    files = (Path(__file__).parent / "golden").glob("*.json")

    assert sum(len(golden(file.stem)) for file in files) == 39
