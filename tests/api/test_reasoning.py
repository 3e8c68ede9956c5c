"""Thoughts come out under OpenRouter's names, and go back to the vendor whose they are, in its own."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

HELLO = [{"role": "user", "content": "Hi"}]
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


async def start(serve: Any, upstream: Any, vendor: str = "openai") -> Any:
    return await serve({"providers": {"mine": {"base_url": upstream.url, "format": vendor}}})


async def post(live: Any, **fields: Any) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        body = {"model": "mine/m", "messages": HELLO, **fields}
        return await client.post(f"{live.url}/api/v1/chat/completions", json=body, timeout=20)


async def test_a_vendors_reasoning_content_is_openrouters_reasoning(serve, upstream, wire):
    message = {"role": "assistant", "content": "4", "reasoning_content": "2+2"}
    upstream.reply = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])
    live = await start(serve, upstream)

    said = (await post(live)).json()["choices"][0]["message"]

    assert (said["reasoning"], said["reasoning_content"], said["content"]) == ("2+2", "2+2", "4")


async def test_in_a_stream_too(serve, upstream, wire):
    upstream.reply = wire.events(
        piece({"role": "assistant", "reasoning_content": "2+"}),
        piece({"reasoning_content": "2", "content": None}),
        piece({"content": "4"}),
        piece({}, "stop"),
        b"[DONE]",
    )
    live = await start(serve, upstream)

    text = (await post(live, stream=True)).text
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]

    assert [each["reasoning"] for each in deltas if "reasoning" in each] == ["2+", "2"]
    assert "".join(each.get("content") or "" for each in deltas) == "4"


CLAUDES = {
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {}},
    ],
    "stop_reason": "tool_use",
    "usage": {},
}
GEMINIS = {
    "candidates": [
        {
            "content": {
                "parts": [{"functionCall": {"id": "c1", "name": "look", "args": {}}, "thoughtSignature": "sig"}]
            },
            "finishReason": "STOP",
        }
    ]
}


@pytest.mark.parametrize(
    ("vendor", "answer", "turn"),
    [
        ("anthropic", CLAUDES, {"role": "assistant", "content": CLAUDES["content"]}),
        ("gemini", GEMINIS, {"role": "model", "parts": GEMINIS["candidates"][0]["content"]["parts"]}),
    ],
)
async def test_what_a_vendor_thought_goes_back_to_it_unchanged(serve, upstream, wire, vendor, answer, turn):
    upstream.reply = wire.http(200, json.dumps(answer).encode())
    live = await start(serve, upstream, vendor)
    first = (await post(live, tools=TOOLS)).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "c1", "content": "seen"}

    await post(live, tools=TOOLS, messages=[*HELLO, first, result])

    sent = upstream.requests[1]["messages" if vendor == "anthropic" else "contents"][1]
    assert sent == turn


async def test_another_vendors_thoughts_are_not_sent(serve, upstream, wire):
    upstream.reply = wire.completion()
    live = await start(serve, upstream)
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
    thought = {"role": "assistant", "content": "4", "reasoning": "Hm.", "reasoning_details": [detail]}

    await post(live, messages=[*HELLO, thought, *HELLO])

    assert upstream.requests[0]["messages"][1] == {"role": "assistant", "content": "4"}


# ---------------------------------------------------------------- what else a request asks of its answer


PLAIN = {
    "anthropic": {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage": {}},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
}


async def test_several_answers_and_their_log_probabilities_come_as_the_vendor_gave_them(serve, upstream, wire):
    probable = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
    choices = [
        {
            "index": place,
            "message": {"role": "assistant", "content": "Hi"},
            "logprobs": probable,
            "finish_reason": "stop",
        }
        for place in range(2)
    ]
    upstream.reply = wire.completion(choices=choices)
    live = await start(serve, upstream)
    asked = {"n": 2, "logprobs": True, "top_logprobs": 1, "seed": 7, "stop": ["END"]}

    said = (await post(live, **asked)).json()

    assert said["choices"] == choices
    assert asked.items() <= upstream.requests[0].items()


@pytest.mark.parametrize(
    ("vendor", "stops", "seeded"),
    [("anthropic", ("stop_sequences",), False), ("gemini", ("generationConfig", "stopSequences"), True)],
)
async def test_stop_and_seed_go_by_the_formats_names(serve, upstream, wire, vendor, stops, seeded):
    upstream.reply = wire.http(200, json.dumps(PLAIN[vendor]).encode())
    live = await start(serve, upstream, vendor)

    reply = await post(live, stop="END", seed=7, logprobs=True)

    found = upstream.requests[0]
    for name in stops:
        found = found[name]
    assert reply.status_code == 200
    assert found == ["END"]
    assert (upstream.requests[0].get("generationConfig", {}).get("seed") == 7) == seeded


@pytest.mark.parametrize("vendor", PLAIN)
async def test_a_format_that_gives_one_answer_says_so(serve, upstream, wire, vendor):
    live = await start(serve, upstream, vendor)

    reply = await post(live, n=2)

    assert reply.status_code == 400
    assert reply.json()["error"]["metadata"]["param"] == "n"
    assert upstream.requests == []


@pytest.mark.parametrize("vendor", ["openai", *PLAIN])
async def test_the_beginning_of_an_answer_is_passed_on(serve, upstream, wire, vendor):
    upstream.reply = wire.http(200, json.dumps(PLAIN[vendor]).encode()) if vendor in PLAIN else wire.completion()
    live = await start(serve, upstream, vendor)

    reply = await post(live, messages=[*HELLO, {"role": "assistant", "content": "The answer is"}])

    last = upstream.requests[0]["contents" if vendor == "gemini" else "messages"][-1]
    assert reply.status_code == 200
    assert last["role"] in ("assistant", "model")
    assert "The answer is" in json.dumps(last)
