"""A Messages request as a chat request: Anthropic's words in OpenAI's, OpenRouter's extensions and all else unchanged.

Format: Anthropic API reference, `POST /v1/messages`, with OpenRouter's additions (`models`, `provider`, `plugins`).
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from tritium.api.messages.blocks import Block, BlockMessage, cache_control, chat_messages, system_message
from tritium.api.messages.tools import ToolChoice, chat_tool_choice, chat_tools
from tritium.chat import UNREADABLE, ChatRequest, unreadable
from tritium.errors import InvalidRequest

_DROPPED = {
    "anthropic_beta",
    "betas",
    "context_management",
    "diagnostics",
    "inference_geo",
    "speed",
    "user_profile_id",
    "workspace_id",
}
"""Advice to Anthropic's own servers, or part of a beta: an answer without it is still the answer that was asked for."""

_UNIVERSAL_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every vendor takes as an end user's id."""


class _Thinking(Struct):
    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Annotated[int, Meta(ge=1)] | None = None
    display: str | None = None


class _Format(Struct):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class _OutputConfig(Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(Struct):
    user_id: str | None = None


class _Fallback(Struct):
    model: str


class MessagesBody(Struct):
    """Every field whose name or meaning differs from OpenAI's; all others pass as they are."""

    messages: Annotated[list[BlockMessage], Meta(min_length=1)]
    model: str | None = None
    """May be left to a `preset` or to the first of `models`."""
    system: str | list[Block] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: ToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    metadata: _Metadata | None = None
    service_tier: str | None = None
    fallbacks: list[_Fallback] | None = None
    cache_control: dict[str, Any] | None = None
    mcp_servers: list[Any] | None = None
    container: Any = None


_decode_body = msgspec.json.Decoder(MessagesBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def read_request(data: bytes) -> ChatRequest:
    """The chat request that a Messages body asks for.

    Raises:
        InvalidRequest: the body is not JSON, a field is wrong, or it holds what only Anthropic's own servers can do;
            `param` names the field as the caller wrote it.
    """
    try:
        body, fields = _decode_body(data), _decode_fields(data)
    except UNREADABLE as error:
        raise unreadable(error) from None
    _refuse_anthropics_own(body)
    known = {*MessagesBody.__struct_fields__, *_DROPPED}
    others = {name: value for name, value in fields.items() if name not in known and bytes(value) != b"null"}
    return ChatRequest.decode(_encode({**_chat_fields(body), **others}))


def _refuse_anthropics_own(body: MessagesBody) -> None:
    for name, given in (("mcp_servers", body.mcp_servers), ("container", body.container)):
        if given:
            raise InvalidRequest(f"{name!r} runs on Anthropic's own servers and can't be passed on.", param=name)


def _chat_fields(body: MessagesBody) -> dict[str, Any]:
    fields = {
        "model": body.model,
        "messages": _messages(body),
        "max_tokens": body.max_tokens,
        "temperature": body.temperature,
        "stop": body.stop_sequences,
        "tools": chat_tools(body.tools or []),
        "reasoning": _reasoning(body),
        "response_format": _response_format(body),
        "user": _user(body.metadata),
        "service_tier": {"auto": None, "standard_only": "default"}.get(body.service_tier or "auto", body.service_tier),
        "models": [each.model for each in body.fallbacks or ()],
        **(chat_tool_choice(body.tool_choice) if body.tools else {}),
        **cache_control(body.cache_control),
    }
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _messages(body: MessagesBody) -> list[dict[str, Any]]:
    messages = [system_message(body.system)] if body.system else []
    for place, message in enumerate(body.messages):
        messages += chat_messages(message, f"messages[{place}]")
    return messages


def _reasoning(body: MessagesBody) -> dict[str, Any] | None:
    """Anthropic's `thinking` and `effort` as OpenRouter's `reasoning`; without an effort, adaptive means a high one."""
    thinking = body.thinking
    effort = body.output_config.effort if body.output_config is not None else None
    if thinking is None:
        return {"effort": effort} if effort else None
    if thinking.type == "disabled":
        return {"enabled": False}
    reasoning: dict[str, Any]
    if effort is None and thinking.budget_tokens is not None:
        reasoning = {"max_tokens": thinking.budget_tokens}
    else:
        reasoning = {"effort": effort or "high"}
    if thinking.display == "omitted":
        reasoning["exclude"] = True
    return reasoning


def _response_format(body: MessagesBody) -> dict[str, Any] | None:
    wanted = (body.output_config and body.output_config.format) or body.output_format
    if wanted is None:
        return None
    schema = {"name": "answer", "strict": _strictly(wanted.schema), "schema": wanted.schema}
    return {"type": "json_schema", "json_schema": schema}


def _strictly(schema: Any) -> bool:
    """OpenAI enforces only schemas whose objects are closed and demand all of their properties; Anthropic any."""
    if isinstance(schema, list):
        return all(map(_strictly, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict) and (
        schema.get("additionalProperties") is not False or set(properties) != set(schema.get("required") or ())
    ):
        return False
    return all(map(_strictly, schema.values()))


def _user(metadata: _Metadata | None) -> str | None:
    """The end user; an id that some vendor would refuse as too long or too odd is replaced by its fingerprint."""
    user = metadata.user_id if metadata is not None else None
    if not user or _UNIVERSAL_USER.fullmatch(user):
        return user or None
    return f"user_{sha256(user.encode()).hexdigest()[:32]}"
