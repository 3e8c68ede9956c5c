"""A Responses request as a chat request: every field has its place in chat, or a reason why it can't be served.

Stateless, as at OpenRouter: nothing is stored, so nothing stored can be referred to.
Format read: `ResponsesRequest` of OpenRouter's OpenAPI document, a superset of OpenAI's.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from tritium.api.responses.input import read_input
from tritium.api.responses.tools import Offer, ToolChoice, read_offer
from tritium.chat import UNREADABLE, ChatRequest, unreadable
from tritium.errors import InvalidRequest


class _Text(Struct):
    format: dict[str, Any] | None = None
    verbosity: str | None = None


class Body(Struct):
    """The fields that are read here; others go into the chat request as they are."""

    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_tool_calls: int | None = None
    stream: bool | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: dict[str, Any] | None = None
    include: list[str] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    metadata: dict[str, str] | None = None
    stop_server_tools_when: list[dict[str, Any]] | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: Any = None
    conversation: Any = None
    prompt: Any = None


class Asked(Struct, frozen=True):
    """What a request comes to."""

    chat: ChatRequest
    echo: dict[str, Any]
    """The fields that the response repeats."""
    sealing: bool
    """The client wants thoughts as `encrypted_content`, and gives back nothing else of them."""


_PASSED_ON = frozenset(
    ("temperature", "top_p", "presence_penalty", "frequency_penalty", "user", "safety_identifier", "prompt_cache_key")
)
_STAYS_HERE = frozenset(Body.__struct_fields__) - _PASSED_ON
_UNKNOWN_TO_CHAT = frozenset(
    (
        "access_programs",
        "background_options",
        "client_metadata",
        "context_management",
        "messages",
        "moderation",
        "n",
        "stream_options",
        "truncation",
    )
)
"""What providers of chat would refuse, or would answer with what has no place in a response."""

_decode_body = msgspec.json.Decoder(Body).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def read_request(data: bytes) -> Asked:
    """Read, check and convert a body.

    Raises:
        InvalidRequest: it is not JSON, a field is wrong, or it asks for something that needs a stored state.
    """
    body, fields = _decode(data)
    _refuse_state(body)
    offer = read_offer(body.tools or [], body.tool_choice, may_deliberate=body.max_tool_calls != 0)
    chat = {
        **{name: raw for name, raw in fields.items() if name not in _STAYS_HERE and name not in _UNKNOWN_TO_CHAT},
        "model": body.model,
        "messages": read_input(body.input, body.instructions),
        **_settings(body, offer),
        **_capped(body, offer, fields.get("fusion")),
    }
    sealing = "reasoning.encrypted_content" in (body.include or ())
    return Asked(ChatRequest.decode(_encode(chat)), _echo(body, offer), sealing)


def _decode(data: bytes) -> tuple[Body, dict[str, Raw]]:
    try:
        return _decode_body(data), _decode_fields(data)
    except UNREADABLE as error:
        raise unreadable(error) from None


def _refuse_state(body: Body) -> None:
    """What only a server could do that keeps responses."""
    if body.store:
        raise InvalidRequest("'store' can't be true: responses are not kept here. Leave it out.", param="store")
    if body.background:
        raise InvalidRequest(
            "'background' can't be true: nothing is kept to be fetched later. Use 'stream' to follow a long answer.",
            param="background",
        )
    for name in ("previous_response_id", "conversation"):
        if getattr(body, name) is not None:
            raise InvalidRequest(
                f"{name!r} refers to an earlier response, and none are kept here: send the earlier items in 'input'.",
                param=name,
            )
    if body.prompt is not None:
        raise InvalidRequest(
            "'prompt' refers to a stored template, and none are kept here: send its text in 'instructions'.",
            param="prompt",
        )


# ---------------------------------------------------------------- settings


def _settings(body: Body, offer: Offer) -> dict[str, Any]:
    text = body.text or _Text()
    wants_logprobs = body.top_logprobs is not None or "message.output_text.logprobs" in (body.include or ())
    found = {
        "stream": bool(body.stream),
        "max_completion_tokens": body.max_output_tokens,
        "tools": [*offer.tools, *([offer.fusion] if offer.fusion is not None else [])] or None,
        "tool_choice": offer.choice,
        "parallel_tool_calls": body.parallel_tool_calls if offer.tools else None,
        "response_format": _response_format(text.format),
        "verbosity": text.verbosity,
        "logprobs": True if wants_logprobs else None,
        "top_logprobs": body.top_logprobs,
        **_reasoning(body.reasoning),
    }
    return {name: value for name, value in found.items() if value is not None}


def _response_format(given: dict[str, Any] | None) -> dict[str, Any] | None:
    kind = given.get("type", "text") if given is not None else "text"
    if given is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind != "json_schema":
        raise InvalidRequest(
            f"'text.format.type' is {kind!r}; it must be 'text', 'json_object' or 'json_schema'.",
            param="text.format.type",
        )
    if not isinstance(given.get("schema"), dict):
        raise InvalidRequest("'text.format' needs a 'schema' object.", param="text.format.schema")
    schema = {name: given[name] for name in ("description", "schema", "strict") if given.get(name) is not None}
    return {"type": "json_schema", "json_schema": {"name": given.get("name") or "answer", **schema}}


def _reasoning(given: dict[str, Any] | None) -> dict[str, Any]:
    """An effort goes by the name that all of chat's providers know; what only OpenRouter's object can say, in that."""
    asked = {name: value for name, value in (given or {}).items() if value is not None}
    if set(asked) <= {"effort", "summary", "generate_summary"}:
        return {"reasoning_effort": asked.get("effort")}
    return {"reasoning": asked}


def _capped(body: Body, offer: Offer, own: Raw | None) -> dict[str, Any]:
    """The lowest limit that `stop_server_tools_when` puts on what the tool may cost, as a fusion's; its own wins."""
    limit = _cost_limit(body) if offer.fusion is not None else None
    if limit is None:
        return {}
    said = msgspec.json.decode(own) if own is not None else None
    return {"fusion": {"max_cost_usd": limit, **(said if isinstance(said, dict) else {})}}


def _cost_limit(body: Body) -> float | None:
    limits = [
        rule["max_cost_in_dollars"]
        for rule in body.stop_server_tools_when or ()
        if rule.get("type") == "max_cost" and isinstance(rule.get("max_cost_in_dollars"), int | float)
    ]
    return min(limits, default=None)


def _echo(body: Body, offer: Offer) -> dict[str, Any]:
    """What a response says of its request; fields that OpenAI or OpenRouter require are there, be they null."""
    chosen = body.tool_choice if isinstance(body.tool_choice, str) or offer.choice is not None else None
    text = body.text or _Text()
    echo = {
        "instructions": body.instructions,
        "metadata": body.metadata,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "presence_penalty": body.presence_penalty,
        "frequency_penalty": body.frequency_penalty,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "tool_choice": chosen or "auto",
        "tools": offer.echoed,
        "text": {"format": text.format or {"type": "text"}, "verbosity": text.verbosity},
        "reasoning": body.reasoning,
        "truncation": "disabled",
        "store": False,
        "background": False,
        "previous_response_id": None,
        "user": body.user,
        "safety_identifier": body.safety_identifier,
        "prompt_cache_key": body.prompt_cache_key,
        "service_tier": None,
    }
    if body.top_logprobs is not None:
        echo["top_logprobs"] = body.top_logprobs
    return echo
