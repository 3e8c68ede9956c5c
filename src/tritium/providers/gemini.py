"""Google's Gemini on the wire: a chat as contents of parts, functions by name, an answer in whole parts.

Format: Gemini API reference v1beta, `models.generateContent` and `models.streamGenerateContent`, with its guides to
thinking, thought signatures, function calling and structured output.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.controls import Controls, Effort, Reasoning, read_controls
from tritium.providers.functions import Offer, read_offer
from tritium.providers.gemini_answer import THOUGHT_FORMAT, GeminiReader
from tritium.providers.sse import EventDecoder
from tritium.providers.thoughts import Thought
from tritium.providers.turns import Media, Text, ToolResult, ToolUse, Turn, read_turns
from tritium.providers.wire import Reader, WireRequest

_VENDOR = "Gemini"
_MOST_STOPS = 5
_UNSIGNED = b64encode(b"skip_thought_signature_validator").decode()
"""What Google documents for calls whose signature is lost, as those of another model are."""

_NAME = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
"""Gemini 2.5 is told tokens; Google's own OpenAI dialect has these for the efforts."""

_LEAST_BUDGET_OF_PRO, _MOST_OF_PRO, _MOST_OF_OTHERS = 128, 32_768, 24_576
_LEVELS: dict[Effort, str] = {"medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
_KNOW_MINIMAL = ("gemini-3-flash", "gemini-3.1-flash-lite", "gemini-3.5-flash", "gemini-3.6-flash")
"""Models that take the lowest thinking level; `LOW` is taken by all."""

_encode = msgspec.json.Encoder().encode


class GeminiFormat:
    """The format; it has no quirks, only model generations."""

    framing = EventDecoder

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        model = model.removeprefix("models/")
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        headers = ((b"x-goog-api-key", key.encode()),) if key else ()
        return WireRequest(f"/models/{quote(model, safe='')}:{method}", headers, _encode(_body(request, model)))

    def reader(self, provider: str) -> Reader:
        return GeminiReader(provider)

    def error_message(self, body: bytes) -> str | None:
        """Gemini's error body is an object, or a list of one where a stream was asked for."""
        try:
            found: _ErrorBody | list[_ErrorBody] = _decode_error(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        errors = found if isinstance(found, list) else [found]
        return errors[0].error.message if errors else None


class _Error(Struct):
    message: str


class _ErrorBody(Struct):
    error: _Error


_decode_error = msgspec.json.Decoder(_ErrorBody | list[_ErrorBody]).decode


def _version(model: str) -> tuple[int, int]:
    """`gemini-2.5-pro` as (2, 5). Names without a number, as `gemini-flash-latest`, count as new; Gemma as old."""
    found = _NAME.search(model)
    if found is None:
        return (99, 0) if "gemini" in model else (0, 0)
    return int(found[1]), int(found[2] or 0)


def _body(request: ChatRequest, model: str) -> dict[str, Any]:
    controls = read_controls(request, _VENDOR)
    conversation = read_turns(request, _VENDOR, thought_format=THOUGHT_FORMAT)
    offer = read_offer(request)
    signed = _version(model) >= (3, 0)
    fields = {
        "systemInstruction": {"parts": [{"text": text.text} for text in conversation.system]},
        "contents": [_content(turn, signed=signed) for turn in conversation.turns],
        "tools": _tools(offer),
        "toolConfig": _tool_config(offer),
        "generationConfig": _generation_config(controls, model),
    }
    if not conversation.system:
        del fields["systemInstruction"]
    return {name: value for name, value in fields.items() if value}


# ---------------------------------------------------------------- the contents


def _content(turn: Turn, *, signed: bool) -> dict[str, Any]:
    if turn.role == "user":
        return {"role": "user", "parts": [piece for part in turn.parts for piece in _user_parts(part)]}
    return {"role": "model", "parts": _model_parts(turn, signed=signed)}


def _user_parts(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, ToolResult):
        return _function_response(part)
    return [_media(part) if isinstance(part, Media) else {"text": part.text}]


def _function_response(part: ToolResult) -> list[dict[str, Any]]:
    """A result, and after it what it holds beyond text."""
    text = "\n".join(each.text for each in part.content if isinstance(each, Text))
    response = {"id": part.id, "name": part.name, "response": {"output": _value(text)}}
    return [{"functionResponse": response}, *(_media(each) for each in part.content if isinstance(each, Media))]


def _value(text: str) -> Any:
    """A tool's output as the object that it is, or as text."""
    try:
        decoded = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return decoded if isinstance(decoded, dict | list) else text


def _model_parts(turn: Turn, *, signed: bool) -> list[dict[str, Any]]:
    """What the model said and called, each part with the signature that came with it.

    Google demands one on the first call of a step; where it is lost a documented stand-in goes in its place.
    """
    signatures = {part.id: part.data for part in turn.parts if isinstance(part, Thought) and part.data}
    parts: list[dict[str, Any]] = []
    calls = 0
    for part in turn.parts:
        if isinstance(part, ToolUse):
            piece: dict[str, Any] = {"functionCall": {"id": part.id, "name": part.name, "args": part.arguments}}
            signature = part.signature or signatures.get(part.id) or (_UNSIGNED if signed and not calls else None)
            if signature is not None:
                piece["thoughtSignature"] = signature
            calls += 1
            parts.append(piece)
        elif isinstance(part, Media):
            parts.append(_media(part))
        elif isinstance(part, Text):
            parts.append({"text": part.text})
    texts = [piece for piece in parts if "text" in piece]
    if texts and None in signatures:
        texts[-1]["thoughtSignature"] = signatures[None]
    return parts


def _media(part: Media) -> dict[str, Any]:
    if part.url is not None:
        return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


# ---------------------------------------------------------------- tools


def _tools(offer: Offer) -> list[dict[str, Any]]:
    for tool in offer.others:
        if "type" in tool:
            raise InvalidRequest(f"{_VENDOR} knows no tool of type {tool['type']!r}.", param="tools")
    declarations = []
    for function in offer.functions:
        declaration: dict[str, Any] = {"name": function.name}
        if function.description:
            declaration["description"] = function.description
        if function.parameters:
            declaration["parametersJsonSchema"] = function.parameters
        declarations.append(declaration)
    return [*([{"functionDeclarations": declarations}] if declarations else []), *offer.others]


def _tool_config(offer: Offer) -> dict[str, Any] | None:
    if not offer.functions or offer.choice is None:
        return None
    config: dict[str, Any] = {"mode": {"auto": "AUTO", "none": "NONE"}.get(offer.choice, "ANY")}
    if offer.name is not None:
        config["allowedFunctionNames"] = [offer.name]
    return {"functionCallingConfig": config}


# ---------------------------------------------------------------- output


def _generation_config(controls: Controls, model: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "maxOutputTokens": controls.output_limit,
        "temperature": controls.temperature,
        "topP": controls.top_p,
        "topK": controls.top_k,
        "seed": controls.seed,
        "stopSequences": controls.stop[:_MOST_STOPS] or None,
        "thinkingConfig": _thinking_config(controls.reasoning, model),
    }
    if controls.json_schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = controls.json_schema or None
    return {name: value for name, value in config.items() if value is not None}


def _thinking_config(asked: Reasoning | None, model: str) -> dict[str, Any] | None:
    """Levels from Gemini 3 on, a budget of tokens in 2.5, nothing before, nor where the model draws."""
    version = _version(model)
    if asked is None or version < (2, 5) or "image" in model:
        return None
    config: dict[str, Any] = {"includeThoughts": asked.shown and not asked.off}
    if version < (3, 0):
        return {**config, "thinkingBudget": _budget(asked, model)}
    effort = asked.effort or _effort_for(asked.budget or 0)
    lowest = "MINIMAL" if effort != "low" and model.startswith(_KNOW_MINIMAL) else "LOW"
    return {**config, "thinkingLevel": _LEVELS.get(effort, lowest)}


def _budget(asked: Reasoning, model: str) -> int:
    least, most = (_LEAST_BUDGET_OF_PRO, _MOST_OF_PRO) if "pro" in model else (0, _MOST_OF_OTHERS)
    if asked.off:
        return least
    return min(max(asked.budget or _BUDGETS[asked.effort or "medium"], least), most)


def _effort_for(budget: int) -> Effort:
    """The effort whose budget comes nearest from above."""
    return next((effort for effort, tokens in _BUDGETS.items() if effort != "minimal" and budget <= tokens), "high")
