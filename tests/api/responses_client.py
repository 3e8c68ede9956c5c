"""Requests to POST /responses through the official SDK, and the pieces that a provider of chat streams for them.

Whatever comes back is held to OpenRouter's OpenAPI document, where that is at hand.
"""

from __future__ import annotations

import httpx

from .responses_spec import check_event, check_response

PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}}}
COST = (10 * 3 + 2 * 15) / 1e6
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": None,
}
USAGE = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}


def provider(upstream, **more):
    return {"providers": {"vendor": {"base_url": upstream.url, "key_env": "VENDOR_KEY"}}, **more}


def piece(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call_piece(index, call_id=None, name=None, arguments=""):
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    call = {"index": index, "function": function}
    return piece(tool_calls=[{**call, "id": call_id, "type": "function"} if call_id else call])


async def create(live, **body):
    response = await live.client.responses.create(**{"model": "vendor/m1", "input": "Say hello", **body})
    check_response(response.to_dict(mode="json"))
    return response


async def streamed(live, **body):
    stream = await live.client.responses.create(**{"model": "vendor/m1", "input": "Say hello", "stream": True, **body})
    events = [event async for event in stream]
    for event in events:
        check_event(event.to_dict(mode="json"))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return events


async def post(live, body, path="/v1/responses"):
    async with httpx.AsyncClient() as client:
        return await client.post(live.url + path, json=body, timeout=20)


def names(events):
    return [event.type.removeprefix("response.") for event in events]
