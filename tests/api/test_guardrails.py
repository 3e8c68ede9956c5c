"""Guardrails in every dialect: what must not pass doesn't, in text and tool calls, whole and streamed, kept or told."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

SECRET = "jo@acme.org"
MARK = "[REDACTED:email]"
ARGUMENTS = {"to": SECRET, "count": 3}
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "completions": "/v1/completions",
}
REDACT = {"guardrails": {"output": {"email": "redact"}}}
BLOCK = {"guardrails": {"output": {"email": "block"}}}


def body(dialect: str, model: str, *, stream: bool, text: str = "Hello") -> dict[str, Any]:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "max_tokens": 200}
    if dialect == "responses":
        said = {"input": text}
    elif dialect == "completions":
        said = {"prompt": text}
    return {"model": model, "stream": stream, **said}


async def ask(live: Any, path: str, sent: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.post(live.url + path, json=sent)


def pieces(reply: httpx.Response) -> str:
    """All that a client puts together: the text of an answer in one piece, or of its events, in order."""
    if "event-stream" not in reply.headers["content-type"]:
        return reply.text
    said = ""
    for line in reply.text.splitlines():
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            choice = (event.get("choices") or [{}])[0]
            said += choice.get("text") or (choice.get("delta") or {}).get("content") or ""
            delta = event.get("delta")
            said += delta if isinstance(delta, str) else (delta or {}).get("text") or ""
    return said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
async def test_text_is_redacted(serve, dialect, stream):
    live = await serve(REDACT)
    reply = await ask(
        live, PATHS[dialect], body(dialect, "scripted/say=Write%20to%20jo%40acme.org%20now", stream=stream)
    )
    assert reply.status_code == 200, reply.text
    assert SECRET not in reply.text
    assert f"Write to {MARK} now" in pieces(reply)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
async def test_a_vendors_text_is_redacted_wherever_its_stream_is_cut(serve, upstream, wire, dialect, stream):
    cut = [f"Mine is {SECRET[:4]}", SECRET[4:], " and", " yours?"]
    chunks = [{"choices": [{"index": 0, "delta": {"content": each}}]} for each in cut]
    ending = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    upstream.reply = wire.events(*chunks, ending, b"[DONE]") if stream else wire.completion("".join(cut))
    live = await serve({**REDACT, "providers": {"own": {"base_url": upstream.url}}})
    reply = await ask(live, PATHS[dialect], body(dialect, "own/m", stream=stream))
    assert SECRET not in reply.text
    assert f"Mine is {MARK} and yours?" in pieces(reply)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
async def test_what_is_blocked_is_refused(serve, dialect, stream):
    live = await serve(BLOCK)
    reply = await ask(live, PATHS[dialect], body(dialect, "scripted/say=Write%20to%20jo%40acme.org", stream=stream))
    assert SECRET not in reply.text
    assert "A guardrail blocks this" in reply.text
    assert reply.status_code == 403 or stream, "where a stream has an opening of its own, the refusal is an event"


# ---------------------------------------------------------------- tool calls


def tool_calls(stream: bool, wire: Any, arguments: str) -> bytes:
    """Two calls at once, the arguments of the first cut in the middle of what is looked for."""
    second = {"id": "call_2", "type": "function", "function": {"name": "wait", "arguments": '{"s":1}'}}
    if not stream:
        first = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
        message = {"role": "assistant", "content": None, "tool_calls": [first, second]}
        return wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    middle = arguments.index("acme")
    deltas: list[Any] = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": ""}},
        {"index": 0, "function": {"arguments": arguments[:middle]}},
        {"index": 0, "function": {"arguments": arguments[middle:]}},
        {"index": 1, **second},
    ]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [each]}}]} for each in deltas]
    ending = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return wire.events(*chunks, ending, b"[DONE]")


def calls_of(dialect: str, reply: httpx.Response, *, stream: bool) -> list[tuple[str, Any]]:
    """Names and arguments, as a client puts them together."""
    if not stream:
        document = reply.json()
        if dialect == "chat":
            functions = [each["function"] for each in document["choices"][0]["message"]["tool_calls"]]
            return [(each["name"], json.loads(each["arguments"])) for each in functions]
        if dialect == "responses":
            items = [each for each in document["output"] if each["type"] == "function_call"]
            return [(each["name"], json.loads(each["arguments"])) for each in items]
        return [(each["name"], each["input"]) for each in document["content"] if each["type"] == "tool_use"]
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in events:
        for call in ((event.get("choices") or [{}])[0].get("delta") or {}).get("tool_calls") or ():
            names.setdefault(call["index"], call["function"].get("name"))
            arguments[call["index"]] = arguments.get(call["index"], "") + call["function"].get("arguments", "")
        if event.get("type") == "response.output_item.added" and event["item"]["type"] == "function_call":
            names[event["output_index"]] = event["item"]["name"]
        if event.get("type") == "response.function_call_arguments.delta":
            arguments[event["output_index"]] = arguments.get(event["output_index"], "") + event["delta"]
        if event.get("type") == "content_block_start" and event["content_block"]["type"] == "tool_use":
            names[event["index"]] = event["content_block"]["name"]
        if event.get("type") == "content_block_delta":
            arguments[event["index"]] = arguments.get(event["index"], "") + event["delta"].get("partial_json", "")
    return [(names[each], json.loads(arguments[each])) for each in sorted(names)]


@pytest.mark.parametrize("arguments", [json.dumps(ARGUMENTS), r'{"to":"jo\u0040acme.org","count":3}'])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_tool_calls_are_redacted_and_stay_json(serve, upstream, wire, dialect, stream, arguments):
    upstream.reply = tool_calls(stream, wire, arguments)
    live = await serve({**REDACT, "providers": {"own": {"base_url": upstream.url}}})
    reply = await ask(live, PATHS[dialect], body(dialect, "own/m", stream=stream))
    assert "acme" not in reply.text
    assert calls_of(dialect, reply, stream=stream) == [("send", {"to": MARK, "count": 3}), ("wait", {"s": 1})]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_a_tool_call_that_is_blocked_is_refused(serve, upstream, wire, dialect, stream):
    upstream.reply = tool_calls(stream, wire, json.dumps(ARGUMENTS))
    live = await serve({**BLOCK, "providers": {"own": {"base_url": upstream.url}}})
    reply = await ask(live, PATHS[dialect], body(dialect, "own/m", stream=stream))
    assert "acme" not in reply.text
    assert "A guardrail blocks this" in reply.text


async def test_calls_of_a_stream_that_ends_without_a_reason_are_screened_too(serve, upstream, wire):
    call = {"index": 0, "id": "c", "function": {"name": "send", "arguments": json.dumps(ARGUMENTS)}}
    upstream.reply = wire.events({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}, b"[DONE]")
    live = await serve({**REDACT, "providers": {"own": {"base_url": upstream.url}}})
    reply = await ask(live, PATHS["chat"], body("chat", "own/m", stream=True))
    assert calls_of("chat", reply, stream=True) == [("send", {"to": MARK, "count": 3})]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusals_words_are_screened(serve, upstream, wire, stream):
    delta = {"content": None, "refusal": f"Not to {SECRET}, no"}
    ending = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    whole = [{"index": 0, "message": {"role": "assistant", **delta}, "finish_reason": "stop"}]
    streamed = wire.events({"choices": [{"index": 0, "delta": delta}]}, ending, b"[DONE]")
    upstream.reply = streamed if stream else wire.completion(choices=whole)
    live = await serve({**REDACT, "providers": {"own": {"base_url": upstream.url}}})
    reply = await ask(live, PATHS["chat"], body("chat", "own/m", stream=stream))
    assert SECRET not in reply.text
    assert MARK in reply.text


# ---------------------------------------------------------------- what goes in


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_question_is_redacted(serve, upstream, wire, dialect):
    upstream.reply = wire.completion("ok")
    config = {"guardrails": {"input": {"email": "redact"}}, "providers": {"own": {"base_url": upstream.url}}}
    await ask(await serve(config), PATHS[dialect], body(dialect, "own/m", stream=False, text=f"I am {SECRET}, hi"))
    assert f"I am {MARK}, hi" in json.dumps(upstream.requests[0])


EMBEDDINGS = json.dumps({"data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
RANKING = json.dumps({"results": [{"index": 0, "relevance_score": 0.5}]}).encode()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (f"I am {SECRET}", f"I am {MARK}"),
        ([SECRET, "no one"], [MARK, "no one"]),
        ([{"type": "text", "text": SECRET}], [{"type": "text", "text": MARK}]),
        ("no one", "no one"),
    ],
)
async def test_what_is_embedded_is_redacted(serve, upstream, wire, given, left):
    upstream.reply = wire.http(200, EMBEDDINGS)
    config = {"guardrails": {"input": {"email": "redact"}}, "providers": {"own": {"base_url": upstream.url}}}
    reply = await ask(await serve(config), "/v1/embeddings", {"model": "own/e", "input": given})
    assert reply.status_code == 200, reply.text
    assert upstream.requests[0]["input"] == left


async def test_what_is_ranked_is_redacted_and_given_back_so(serve, upstream, wire):
    upstream.reply = wire.http(200, RANKING)
    config = {"guardrails": {"input": {"email": "redact"}}, "providers": {"own": {"base_url": upstream.url}}}
    sent = {"model": "own/r", "query": f"who is {SECRET}", "documents": [SECRET, {"text": f"also {SECRET}"}]}
    reply = await ask(await serve(config), "/v1/rerank", sent)
    assert SECRET not in json.dumps(upstream.requests)
    assert upstream.requests[0]["query"] == f"who is {MARK}"
    assert upstream.requests[0]["documents"] == [MARK, {"text": f"also {MARK}"}]
    assert reply.json()["results"][0]["document"] == {"text": MARK}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/embeddings", {"input": [SECRET]}),
        ("/v1/rerank", {"query": SECRET, "documents": ["x"]}),
        ("/v1/rerank", {"query": "x", "documents": [{"text": "y", "title": SECRET}]}),
        ("/v1/embeddings", {"input": [1, 2, 3]}),
        ("/v1/embeddings", {"input": [[1, 2], [3]]}),
    ],
)
async def test_what_is_blocked_or_cant_be_read_is_not_embedded_or_ranked(serve, upstream, path, sent):
    config = {"guardrails": {"input": {"email": "block"}}, "providers": {"own": {"base_url": upstream.url}}}
    reply = await ask(await serve(config), path, {"model": "own/v", **sent})
    assert reply.status_code == 403, reply.text
    assert upstream.requests == []


# ---------------------------------------------------------------- runs

SAYS_IT = "scripted/say=jo%40acme.org"
VOTE = {"panel": [SAYS_IT, SAYS_IT, "scripted/say=me"], "strategy": "vote", "kind": "fusion"}
MERGE = {
    "panel": [SAYS_IT, "scripted/say=Ask%20jo%40acme.org"],
    "strategy": "synthesize",
    "judge": "scripted/judge=0",
    "synthesizer": "scripted/say=It%20is%20jo%40acme.org",
    "kind": "fusion",
}


@pytest.mark.parametrize("action", ["redact", "block"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fusion", [VOTE, MERGE])
async def test_a_run_keeps_and_tells_nothing_of_what_was_taken_out(serve, fusion, stream, action):
    config = {"guardrails": {"output": {"email": action}}, "models": {"both": fusion}}
    live = await serve(config)
    sent = {**body("chat", "both", stream=stream, text="Who? Answer with one word."), "fusion": {"events": True}}
    reply = await ask(live, PATHS["chat"], sent)
    assert SECRET not in reply.text
    (listed,) = await live.running.records.runs(10, None)
    kept = await live.document(listed.id)
    assert SECRET not in json.dumps(kept)
    assert SECRET not in listed.answer_preview
    assert kept["answer"].endswith(MARK)
    assert kept["seats"][0]["text"] == MARK
    assert kept["request"] == sent["messages"]
    assert kept["outcome"] == "ok"
    assert kept["receipt"]["cost_usd"] > 0


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_fusions_answer_is_redacted_in_every_dialect(serve, dialect):
    live = await serve({**REDACT, "models": {"both": MERGE}})
    for stream in (False, True):
        reply = await ask(live, PATHS[dialect], body(dialect, "both", stream=stream))
        assert SECRET not in reply.text
        assert f"It is {MARK}" in pieces(reply)
