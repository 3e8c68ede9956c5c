"""Clouds with models of others, through a gateway: Bedrock's binary streams, Vertex's dialects, betas of Claude."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from struct import pack
from typing import Any
from zlib import crc32

import httpx
import openai
import pytest

from tritium.providers.aws_signature import Credentials, Scope, signature_headers

HELLO = [{"role": "user", "content": "Hello"}]
PRICES = {"bedrock/amazon.nova-pro-v1:0": {"input": 1, "output": 4, "cache_read": 0.25}}
USAGE = {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12, "cacheReadInputTokens": 30}


def framed(kind: str, name: str, payload: dict[str, Any]) -> bytes:
    """A message of Amazon's event stream."""
    headers = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    written = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for key, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = pack(">II", 16 + len(written) + len(body), len(written))
    start = prelude + pack(">I", crc32(prelude)) + written + body
    return start + pack(">I", crc32(start))


BEGUN = framed("event", "messageStart", {"role": "assistant"})
PIECES = [
    framed("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "ab"})
    for text in ("Hel", "lo")
]
ENDED = framed("event", "messageStop", {"stopReason": "end_turn"})
COUNTED = framed("event", "metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}})


def stream(*parts: bytes) -> bytes:
    """Parts in HTTP chunks of odd sizes."""
    data = b"".join(parts)
    cut = [data[place : place + 37] for place in range(0, len(data), 37)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


def whole(document: Any, status: bytes = b"200 OK") -> bytes:
    body = json.dumps(document).encode()
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


@pytest.fixture
def bedrock(serve, upstream):
    async def start(**environment: str):
        own = {"base_url": upstream.url.removesuffix("/v1")}
        if "AWS_ACCESS_KEY_ID" in environment:
            own["key_env"] = "AWS_ACCESS_KEY_ID"
        return await serve({"providers": {"bedrock": own}, "prices": PRICES}, **environment)

    return start


async def test_a_stream_of_bedrocks_is_a_stream_of_ours_with_its_cost(bedrock, upstream):
    upstream.reply = stream(BEGUN, *PIECES, ENDED, COUNTED)
    live = await bedrock(AWS_BEARER_TOKEN_BEDROCK="ABSK-1")

    chunks = [
        chunk
        async for chunk in await live.client.chat.completions.create(
            model="bedrock/amazon.nova-pro-v1:0", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    ]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (40, 2)
    assert usage.prompt_tokens_details.cached_tokens == 30
    assert usage.model_extra["cost"] == pytest.approx((10 * 1 + 30 * 0.25 + 2 * 4) / 1e6)
    assert upstream.heads[0].startswith(b"POST /model/amazon.nova-pro-v1%3A0/converse-stream HTTP/1.1")
    assert b"\r\nauthorization: Bearer ABSK-1\r\n" in upstream.heads[0]
    assert upstream.requests == [{"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}]


async def test_a_whole_answer_of_bedrocks_is_one_of_ours(bedrock, upstream):
    message = {"role": "assistant", "content": [{"text": "Hello"}]}
    upstream.reply = whole({"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE})
    live = await bedrock(AWS_BEARER_TOKEN_BEDROCK="ABSK-1")

    answer = await live.client.chat.completions.create(
        model="bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0", messages=HELLO
    )

    assert answer.choices[0].message.content == "Hello"
    assert answer.usage.prompt_tokens == 40
    arn = b"arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0"
    assert upstream.heads[0].startswith(b"POST /model/" + arn + b"/converse HTTP/1.1")


async def test_an_exception_in_the_middle_of_a_stream_comes_after_what_was_said(bedrock, upstream):
    broken = framed("exception", "throttlingException", {"message": "Too many tokens"})
    upstream.reply = stream(BEGUN, *PIECES, broken)
    live = await bedrock(AWS_BEARER_TOKEN_BEDROCK="ABSK-1")
    heard = []

    with pytest.raises(openai.APIError, match="Too many tokens"):  # noqa: PT012 - in the middle of the loop
        async for chunk in await live.client.chat.completions.create(
            model="bedrock/amazon.nova-pro-v1:0", messages=HELLO, stream=True
        ):
            heard += [choice.delta.content for choice in chunk.choices if choice.delta.content]

    assert "".join(heard) == "Hello"


@pytest.mark.parametrize(
    "parts", [(BEGUN, PIECES[0]), (BEGUN, PIECES[0], PIECES[1][:-3]), (BEGUN, PIECES[0], b"x" * 40)]
)
async def test_a_stream_that_breaks_off_or_is_damaged_is_an_error(bedrock, upstream, parts):
    upstream.reply = stream(*parts)
    live = await bedrock(AWS_BEARER_TOKEN_BEDROCK="ABSK-1")

    with pytest.raises(openai.APIError, match=r"ended the stream before|bytes are damaged"):
        async for _ in await live.client.chat.completions.create(
            model="bedrock/amazon.nova-pro-v1:0", messages=HELLO, stream=True
        ):
            pass


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (b"400 Bad Request", openai.BadRequestError),
        (b"429 Too Many Requests", openai.RateLimitError),
        (b"424 Failed Dependency", openai.InternalServerError),
        (b"503 Service Unavailable", openai.InternalServerError),
    ],
)
async def test_bedrocks_refusals_have_the_status_of_ours(bedrock, upstream, status, kind):
    upstream.reply = whole({"message": "No, thanks"}, status)
    live = await bedrock(AWS_BEARER_TOKEN_BEDROCK="ABSK-1")

    with pytest.raises(kind, match="No, thanks"):
        await live.client.chat.completions.create(model="bedrock/amazon.nova-pro-v1:0", messages=HELLO)


async def test_an_access_key_signs_exactly_what_is_sent(bedrock, upstream):
    upstream.reply = stream(BEGUN, *PIECES, ENDED, COUNTED)
    secrets = {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_SESSION_TOKEN": "t0ken"}
    live = await bedrock(AWS_REGION="eu-west-1", **secrets)

    async for _ in await live.client.chat.completions.create(
        model="bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", messages=HELLO, stream=True
    ):
        pass

    head = upstream.heads[0].decode()
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    request_line = head.split("\r\n")[0].split(" ")
    expected = signature_headers(
        request_line[0],
        headers["host"],
        request_line[1],
        json.dumps(upstream.requests[0], separators=(",", ":")).encode(),
        credentials=Credentials("AKIAX", "s3cret", "t0ken"),
        scope=Scope("eu-west-1", "bedrock"),
        now=datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
    )
    assert dict(expected).items() <= headers.items()
    assert "s3cret" not in head


async def test_access_keys_in_the_environment_switch_nothing_on(serve):
    live = await serve({}, AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="s", AWS_REGION="eu-west-1")

    with pytest.raises(openai.NotFoundError, match="Set AWS_BEARER_TOKEN_BEDROCK"):
        await live.client.chat.completions.create(model="bedrock/amazon.nova-pro-v1:0", messages=HELLO)


# ---------------------------------------------------------------- Vertex


async def test_vertex_serves_gemini_claude_and_others_at_one_address(serve, upstream, wire):
    own = {"vertex": {"base_url": upstream.url}}
    live = await serve({"providers": own}, VERTEX_ACCESS_TOKEN="ya29.x")
    gemini = {"candidates": [{"content": {"parts": [{"text": "G"}]}, "finishReason": "STOP"}]}
    claude = {"content": [{"type": "text", "text": "C"}], "stop_reason": "end_turn"}
    said = []

    for model, reply in (
        ("gemini-3.8-flash", whole(gemini)),
        ("claude-opus-5-5", whole(claude)),
        ("xai/grok-4.20-reasoning", wire.completion("X")),
    ):
        upstream.reply = reply
        answer = await live.client.chat.completions.create(model=f"vertex/{model}", messages=HELLO)
        said.append(answer.choices[0].message.content)

    assert said == ["G", "C", "X"]
    assert [head.split(b" ")[1] for head in upstream.heads] == [
        b"/v1/publishers/google/models/gemini-3.8-flash:generateContent",
        b"/v1/publishers/anthropic/models/claude-opus-5-5:rawPredict",
        b"/v1/endpoints/openapi/chat/completions",
    ]
    assert all(b"\r\nauthorization: Bearer ya29.x\r\n" in head for head in upstream.heads)


# ---------------------------------------------------------------- betas


@pytest.mark.parametrize(
    ("header", "passed"),
    [
        ("claude-code-20250219,context-1m-2025-08-07, interleaved-thinking-2025-05-14", True),
        ("claude-code-20250219,files-api-2025-04-14", False),
        (None, False),
    ],
)
async def test_betas_that_change_the_answer_reach_anthropic(serve, upstream, header, passed):
    upstream.reply = whole({"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
    own = {"base_url": upstream.url, "format": "anthropic", "models": ["claude-sonnet-4-5"]}
    live = await serve({"providers": {"mine": own}})
    body = {"model": "mine/claude-sonnet-4-5", "max_tokens": 9, "messages": HELLO}

    async with httpx.AsyncClient() as client:
        headers = {"anthropic-beta": header} if header else {}
        answer = await client.post(f"{live.url}/v1/messages", json=body, headers=headers)

    assert answer.status_code == 200, answer.text
    found = re.search(rb"\r\nanthropic-beta: ([^\r]*)\r\n", upstream.heads[0])
    assert (found and found[1]) == (b"context-1m-2025-08-07,interleaved-thinking-2025-05-14" if passed else None)
    assert "anthropic_beta" not in upstream.requests[0]


async def test_betas_reach_nobody_who_speaks_another_dialect(serve, upstream, wire):
    upstream.reply = wire.completion("Hi")
    live = await serve({"providers": {"mine": {"base_url": upstream.url}}})
    body = {"model": "mine/m", "max_tokens": 9, "messages": HELLO}

    async with httpx.AsyncClient() as client:
        headers = {"anthropic-beta": "context-1m-2025-08-07"}
        answer = await client.post(f"{live.url}/v1/messages", json=body, headers=headers)

    assert answer.status_code == 200, answer.text
    assert b"anthropic-beta" not in upstream.heads[0]
    assert set(upstream.requests[0]) == {"model", "max_tokens", "messages", "stream"}
