"""A request as Claude Code sends it works with every kind of provider, and the answer fits OpenRouter's schemas."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anthropic
import httpx
import pytest

HELLO = [{"role": "user", "content": "Say hello"}]
PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}, "claude/claude-sonnet-4-5": {"input": 3, "output": 15}}}
EPHEMERAL = {"type": "ephemeral"}


def piece(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call_piece(index, *, call_id=None, **function):
    return {"index": index, "id": call_id, "function": function}


USAGE = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}


# ---------------------------------------------------------------- a coding agent's request


def claude_code_request(model):
    """The shape of what Claude Code sends: a long marked system prompt, many tools, thoughts, results of tools."""
    tools = [
        {
            "name": name,
            "description": f"{name} does what its name says. " * 40,
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"path": {"type": "string"}, "limit": {"type": "number", "exclusiveMinimum": 0}},
                "required": ["path"],
                "additionalProperties": False,
            },
            **more,
        }
        for name, more in [(f"Tool{number}", {}) for number in range(17)]
        + [("Read", {"eager_input_streaming": True}), ("Write", {"cache_control": EPHEMERAL})]
    ]
    return {
        "model": model,
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-billing-header: cc_version=2.1; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are a coding agent.", "cache_control": {**EPHEMERAL, "scope": "global"}},
            {"type": "text", "text": "Rules.\n" * 2000, "cache_control": {**EPHEMERAL, "ttl": "1h"}},
        ],
        "tools": tools,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "session_id": "s-1"})},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>Today is Monday.</system-reminder>"},
                    {"type": "text", "text": "Fix the bug in a.py"},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Read it first.", "signature": ""},
                    {"type": "text", "text": "I'll read it."},
                    {"type": "tool_use", "id": "toolu_01", "name": "Read", "input": {"path": "a.py"}},
                    {"type": "tool_use", "id": "toolu_02", "name": "Read", "input": {"path": "b.py"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_01", "content": "1\tprint(x)"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_02",
                        "is_error": True,
                        "content": [{"type": "text", "text": "No such file."}],
                        "cache_control": EPHEMERAL,
                    },
                ],
            },
        ],
    }


async def post(live, body, path="/api/v1/messages?beta=true"):
    headers = {"anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14", "x-api-key": "k"}
    async with httpx.AsyncClient() as client:
        return await client.post(live.url + path, json=body, headers=headers, timeout=20)


async def test_a_coding_agents_request_reaches_a_vendor_of_openais_format_in_its_own_words(ask, upstream, wire):
    upstream.reply = wire.events(
        piece(content="Done."),
        piece(tool_calls=[call_piece(0, call_id="c", name="Write", arguments='{"path":"a.py"}')]),
        piece("tool_calls"),
        USAGE,
        b"[DONE]",
    )
    _, live = await ask()

    reply = await post(live, claude_code_request("vendor/m1"))

    assert reply.status_code == 200
    assert '"stop_reason":"tool_use"' in reply.text
    (sent,) = upstream.requests
    assert set(sent) == {
        *("max_tokens", "messages", "model", "reasoning_effort", "stream", "stream_options", "tools", "user"),
    }
    assert all(set(tool) == {"type", "function"} for tool in sent["tools"])
    assert len(sent["tools"]) == 19
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    for message in sent["messages"]:
        assert isinstance(message["content"], str)
        assert set(message) <= {"role", "content", "tool_calls", "tool_call_id"}
    assert len(sent["user"]) <= 64


async def test_a_coding_agents_request_reaches_anthropic_with_its_marks(ask, upstream, wire, claude_stream):
    upstream.reply = wire.events(*claude_stream)
    _, live = await ask()

    reply = await post(live, claude_code_request("claude/claude-opus-5-5"))

    assert reply.status_code == 200
    (sent,) = upstream.requests
    assert [block.get("cache_control") for block in sent["system"]] == [None, EPHEMERAL, {**EPHEMERAL, "ttl": "1h"}]
    assert sent["tools"][-1]["cache_control"] == EPHEMERAL
    assert sent["messages"][-1]["content"][-1]["cache_control"] == EPHEMERAL
    assert sent["messages"][-1]["content"][-1]["is_error"] is True
    assert sent["thinking"]["type"] == "adaptive"
    assert sent["output_config"] == {"effort": "medium"}


async def test_a_coding_agents_request_is_answered_by_gemini(ask, upstream, wire):
    answer = {"candidates": [{"content": {"parts": [{"text": "Done."}], "role": "model"}, "finishReason": "STOP"}]}
    upstream.reply = wire.events(answer)
    config = {"providers": {"g": {"base_url": upstream.url, "key_env": "VENDOR_KEY", "format": "gemini"}}}
    _, live = await ask(config)

    reply = await post(live, claude_code_request("g/gemini-4"))

    assert reply.status_code == 200
    assert "Done." in reply.text


async def test_a_coding_agents_request_is_answered_by_a_fusion(ask):
    panel = ["scripted/say=Fixed.", "scripted/say=Fixed.;delay=5"]
    _, live = await ask({"models": {"tritium/fusion": {"kind": "fusion", "panel": panel}}})

    reply = await post(live, claude_code_request("openrouter/fusion"))

    assert reply.status_code == 200
    assert "Fixed." in reply.text
    assert '"stop_reason":"end_turn"' in reply.text


async def test_a_bare_claude_is_anthropics(ask):
    client, _ = await ask({"models": {"claude-mine": {"kind": "alias", "target": "scripted/say=Mine"}}})

    answer = await client.messages.create(model="claude-mine", max_tokens=9, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError, match="ANTHROPIC_API_KEY"):
        await client.messages.create(model="claude-sonnet-5-5", max_tokens=9, messages=HELLO)

    assert answer.content[0].text == "Mine"


PANEL = ["scripted/say=51", "scripted/say=51;delay=5", "scripted/say=52"]
CLOSED = [{"role": "user", "content": "What is 17 times 3? Answer with a number."}]
# ---------------------------------------------------------------- OpenRouter's specification


@pytest.fixture(scope="module")
def validator():
    """Validates against a schema of OpenRouter's specification, which TRITIUM_OPENAPI names."""
    path = os.environ.get("TRITIUM_OPENAPI")
    if not path:
        pytest.skip("TRITIUM_OPENAPI names no file")
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")
    document = yaml.load(Path(path).read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    schemas = document["components"]["schemas"]
    schemas["ProviderName"] = {"type": "string"}  # a closed list of OpenRouter's own providers
    schemas["MessagesStartEvent"]["properties"]["message"]["properties"]["provider"] = {"type": "string"}

    def check(body, name):
        root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema.Draft202012Validator(root).validate(body)

    return check


async def test_bodies_and_events_are_valid_by_openrouters_specification(ask, upstream, wire, claude_stream, validator):
    upstream.reply = wire.events(*claude_stream)
    _, live = await ask(**PRICES)
    body = {**claude_code_request("claude/claude-opus-5-5"), "plugins": []}
    validator(body, "MessagesRequest")

    reply = await post(live, body)
    whole = await post(live, {"model": "scripted/say=Hi", "messages": HELLO})
    fused = await post(live, {"model": "tritium/fusion", "messages": CLOSED, "fusion": {"panel": PANEL}})
    wrong = await post(live, {"model": "acme/none", "messages": HELLO})

    for line in reply.text.splitlines():
        if line.startswith("data: "):
            validator(json.loads(line[6:]), "MessagesStreamEvents")
    validator(whole.json(), "MessagesResult")
    validator(fused.json(), "MessagesResult")
    validator(wrong.json(), "AnthropicMessagesErrorResponse")
