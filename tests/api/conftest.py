"""Anthropic's SDK pointed at a gateway, and what a server of Anthropic's format streams to one."""

from __future__ import annotations

import anthropic
import pytest

CLAUDE_STREAM = [
    {
        "type": "message_start",
        "message": {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 7, "cache_read_input_tokens": 3}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Mm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig=="}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "xyz"}},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "Hi"}},
    {
        "type": "content_block_start",
        "index": 3,
        "content_block": {"type": "tool_use", "id": "t1", "name": "get_weather"},
    },
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


@pytest.fixture
def claude_stream():
    """The events of an answer with a signed thought, a secret one, a text and a tool call."""
    return CLAUDE_STREAM


def vendor(upstream, **more):
    """The same server as a vendor of OpenAI's format and as one of Anthropic's."""
    both = {
        "vendor": {"base_url": upstream.url, "key_env": "VENDOR_KEY"},
        "claude": {"base_url": upstream.url, "key_env": "VENDOR_KEY", "format": "anthropic"},
    }
    return {"providers": both, **more}


@pytest.fixture
async def ask(serve, upstream):
    """Starts a gateway before that upstream; returns the SDK pointed at it, as Claude Code is, and the gateway."""
    clients = []

    async def start(config=None, **more):
        live = await serve(config or vendor(upstream, **more), VENDOR_KEY="sk-secret")
        client = anthropic.AsyncAnthropic(base_url=f"{live.url}/api", api_key="unused", max_retries=0, timeout=20)
        clients.append(client)
        return client, live

    yield start
    for client in clients:
        await client.close()
