"""Anthropic's Messages API on the wire, also spoken by other vendors: a chat as turns of content blocks.

Format: Anthropic API reference, `POST /v1/messages`, version 2023-06-01, with streaming and structured outputs;
what differs between models is in `claude.py`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.anthropic_answer import THOUGHT_FORMAT, AnthropicReader
from tritium.providers.betas import allowed_betas
from tritium.providers.claude import Claude, Thinking, unfinished
from tritium.providers.claude_json import enforceable, told_json
from tritium.providers.controls import Controls, given, read_controls
from tritium.providers.functions import Function, Offer, read_offer
from tritium.providers.sse import EventDecoder
from tritium.providers.turns import GO_ON, Conversation, Media, Part, Text, ToolResult, ToolUse, Turn, read_turns
from tritium.providers.wire import Reader, WireRequest

_VENDOR = "Anthropic"
_VERSION = (b"anthropic-version", b"2023-06-01")
_UNFIT_FOR_ID = re.compile(r"[^a-zA-Z0-9_-]")
_encode = msgspec.json.Encoder().encode


class AnthropicFormat:
    """The format; it has no quirks, only model generations."""

    framing = EventDecoder

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        body = {**message_body(request, model), "stream": streaming}
        headers = ((b"x-api-key", key.encode()), _VERSION) if key else (_VERSION,)
        return WireRequest("/messages", (*headers, *beta_header(request)), _encode(body))

    def reader(self, provider: str) -> Reader:
        return AnthropicReader(provider)

    def error_message(self, body: bytes) -> str | None:
        try:
            return _decode_error(body).error.message
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


def beta_header(request: ChatRequest) -> tuple[tuple[bytes, bytes], ...]:
    """The betas that the caller switched on and that are passed on."""
    betas = allowed_betas(request)
    return ((b"anthropic-beta", ",".join(betas).encode()),) if betas else ()


class _Error(Struct):
    message: str


class _ErrorBody(Struct):
    error: _Error


_decode_error = msgspec.json.Decoder(_ErrorBody).decode


def message_body(request: ChatRequest, model: str) -> dict[str, Any]:
    """The request's body but for `stream`.

    Raises:
        InvalidRequest: the request holds what Anthropic's models can't be given.
    """
    controls = read_controls(request, _VENDOR)
    conversation = read_turns(request, _VENDOR, thought_format=THOUGHT_FORMAT)
    offer = read_offer(request)
    claude = Claude.named(model)
    free = not offer.forced and not unfinished(conversation)
    thinking = claude.think(controls.reasoning, controls.output_limit, free=free)
    fields = {
        "model": model,
        "max_tokens": thinking.max_tokens,
        "system": _system([*conversation.system, *told_json(controls.json_schema, claude)]),
        "messages": _messages(conversation, claude),
        "tools": _tools(offer, conversation, claude),
        "tool_choice": _tool_choice(offer, conversation, given(request, "parallel_tool_calls", bool)),
        "thinking": thinking.config,
        "output_config": _output_config(controls, claude, thinking),
        "stop_sequences": controls.stop,
        "cache_control": given(request, "cache_control", dict[str, Any]),
        **_sampling(controls, claude, thinking),
    }
    user = given(request, "user", str)
    if user:
        fields["metadata"] = {"user_id": user}
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _sampling(controls: Controls, claude: Claude, thinking: Thinking) -> dict[str, Any]:
    """Temperature up to 1 rather than OpenAI's 2; nothing while thinking, which rules it out."""
    if thinking.on or not claude.sampling:
        return {}
    temperature = None if controls.temperature is None else min(controls.temperature, 1.0)
    top_p = None if claude.one_sampler and temperature is not None else controls.top_p
    return {"temperature": temperature, "top_p": top_p, "top_k": controls.top_k}


# ---------------------------------------------------------------- the messages


def _system(texts: list[Text]) -> str | list[dict[str, Any]] | None:
    if any(text.cache_control for text in texts):
        return [_block(text) for text in texts]
    return "\n\n".join(text.text for text in texts) or None


def _messages(conversation: Conversation, claude: Claude) -> list[dict[str, Any]]:
    messages = [_message(turn) for turn in conversation.turns]
    last = messages[-1]
    if last["role"] == "assistant":
        _trim(last["content"])
        if not claude.prefill and last["content"][-1]["type"] != "tool_use":
            messages.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
    return messages


def _message(turn: Turn) -> dict[str, Any]:
    """A turn as a message. The results of tools go first, as the format demands."""
    parts = sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult)) if turn.role == "user" else turn.parts
    return {"role": turn.role, "content": [_block(part) for part in parts]}


def _trim(blocks: list[dict[str, Any]]) -> None:
    """A message to be continued may not end with white space."""
    if blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return _cached({"type": "text", "text": part.text}, part.cache_control)
    if isinstance(part, Media):
        return _cached(_media(part), part.cache_control)
    if isinstance(part, ToolUse):
        use = {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": part.arguments}
        return _cached(use, part.cache_control)
    if isinstance(part, ToolResult):
        return _tool_result(part)
    if part.data is not None:
        return {"type": "redacted_thinking", "data": part.data}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}


def _cached(block: dict[str, Any], cache_control: dict[str, Any] | None) -> dict[str, Any]:
    if cache_control is not None:
        block["cache_control"] = cache_control
    return block


def _tool_result(part: ToolResult) -> dict[str, Any]:
    """A mark for caching must be on the result itself; inside one it draws a 400."""
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(part.id)}
    inner = [_block(each) for each in part.content]
    for each in inner:
        _cached(block, each.pop("cache_control", None))
    if inner:
        block["content"] = inner
    if part.failed:
        block["is_error"] = True
    return block


def _id(call_id: str) -> str:
    """Other vendors' ids hold characters that this format refuses; both ends of a pair change alike."""
    return _UNFIT_FOR_ID.sub("_", call_id)


def _media(part: Media) -> dict[str, Any]:
    kind = part.kind if part.kind != "file" else part.media_type.partition("/")[0]
    if kind in ("audio", "video"):
        raise InvalidRequest(f"{_VENDOR} takes no {kind}: leave it out or ask another model.", param=part.where)
    if kind == "image":
        return {"type": "image", "source": _source(part)}
    document: dict[str, Any] = {"type": "document", "source": _source(part)}
    if kind == "text":
        document["source"] = {"type": "text", "media_type": "text/plain", "data": _plain(part)}
    elif part.media_type != "application/pdf":
        raise InvalidRequest(f"{_VENDOR} takes PDF, plain text and images, not {part.media_type!r}.", param=part.where)
    if part.name:
        document["title"] = part.name
    return document


def _source(part: Media) -> dict[str, Any]:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def _plain(part: Media) -> str:
    if part.data is None:
        raise InvalidRequest(f"{_VENDOR} fetches only PDFs and images: send a text as data.", param=part.where)
    try:
        return b64decode(part.data).decode()
    except (Base64Error, UnicodeDecodeError):
        raise InvalidRequest("The file isn't UTF-8 text in base64.", param=part.where) from None


# ---------------------------------------------------------------- tools


def _tools(offer: Offer, conversation: Conversation, claude: Claude) -> list[dict[str, Any]]:
    """What is offered. Tools that were called earlier must be declared even where they are no longer on offer."""
    tools = [_tool(function, claude) for function in offer.functions] + offer.others
    if not tools:
        called = dict.fromkeys(use.name for use in conversation.tool_uses())
        tools = [_tool(Function(name), claude) for name in called]
    return tools


def _tool(function: Function, claude: Claude) -> dict[str, Any]:
    schema = {"type": "object", **(function.parameters or {})}
    tool: dict[str, Any] = {"name": function.name, "input_schema": schema}
    if function.description:
        tool["description"] = function.description
    if function.strict and claude.structured:
        tool["strict"] = True
        tool["input_schema"] = enforceable(schema)
    return _cached(tool, function.cache_control)


def _tool_choice(offer: Offer, conversation: Conversation, parallel: bool | None) -> dict[str, Any] | None:
    if not offer.functions and not offer.others:
        return {"type": "none"} if conversation.tool_uses() else None
    if offer.choice == "none":
        return {"type": "none"}
    if offer.choice is None and parallel is not False:
        return None
    kind = {"required": "any", "named": "tool"}.get(offer.choice or "auto", "auto")
    choice: dict[str, Any] = {"type": kind}
    if offer.name is not None:
        choice["name"] = offer.name
    if parallel is False:
        choice["disable_parallel_tool_use"] = True
    return choice


# ---------------------------------------------------------------- output


def _output_config(controls: Controls, claude: Claude, thinking: Thinking) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    if controls.json_schema and claude.structured:
        config["format"] = {"type": "json_schema", "schema": enforceable(controls.json_schema)}
    return config
