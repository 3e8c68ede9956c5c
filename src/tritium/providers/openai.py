"""OpenAI's chat completions on the wire: the dialect of OpenAI and of every compatible vendor and server.

It is also our own inner vocabulary, so a request is spliced rather than rebuilt and an answer keeps its bytes.
Format: OpenAI API reference, chat completions; vendors' departures are `Quirks`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from tritium.chat import ChatRequest, Chunk, read_answer
from tritium.errors import UpstreamUnavailable
from tritium.providers.plain import plain_messages, plain_tools
from tritium.providers.wire import Quirks, Reader, WireRequest, error_for_status

_OURS = ("fusion",)
_OPENROUTERS = ("plugins", "provider", "models", "route", "transforms", "session_id", "trace", "usage", "preset")
_EXTENSIONS = ("reasoning", "cache_control")
"""OpenRouter's, too, and taken over by other dialects' requests; OpenAI answers them with a 400."""

_INCLUDE_USAGE = Raw(b'{"include_usage":true}')
_TRUE, _FALSE = Raw(b"true"), Raw(b"false")
_encode = msgspec.json.Encoder().encode


class OpenAIFormat:
    """The format, with one vendor's quirks."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self.quirks = quirks or Quirks()
        unknown = () if self.quirks.openrouter_fields else (*_OPENROUTERS, *_EXTENSIONS)
        self._dropped = frozenset((*_OURS, *unknown, *self.quirks.drop, "stream_options"))

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        fields = dict(request.fields)
        for name in self._dropped & fields.keys():
            del fields[name]
        fields["model"] = Raw(_encode(model))
        fields["stream"] = _TRUE if streaming else _FALSE
        if streaming and self.quirks.stream_options:
            fields["stream_options"] = _INCLUDE_USAGE
        self._name_output_cap(fields)
        if not self.quirks.openrouter_fields:
            fields["messages"] = plain_messages(fields["messages"], reasoning_content=self.quirks.reasoning_content)
            if "tools" in fields:
                fields["tools"] = plain_tools(fields["tools"])
        if not self.quirks.developer_role and b'"developer"' in bytes(fields["messages"]):
            fields["messages"] = _without_developer(fields["messages"])
        if self.quirks.marks_prefill and request.body.messages[-1].role == "assistant":
            fields["messages"] = _marked(fields["messages"])
        headers = ((b"authorization", b"Bearer " + key.encode()),) if key else ()
        return WireRequest("/chat/completions", headers, _encode(fields))

    def reader(self, provider: str) -> Reader:
        return OpenAIReader(provider)

    def error_message(self, body: bytes) -> str | None:
        return read_error(body)

    def _name_output_cap(self, fields: dict[str, Raw]) -> None:
        wanted = self.quirks.max_tokens
        other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
        given = fields.pop(other, None)
        if given is not None and wanted not in fields:
            fields[wanted] = given


class OpenAIReader:
    """Reads chunks and completions; `data: [DONE]` or a finish reason ends a stream."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.done = self.over = False

    def complete(self, body: bytes) -> Chunk:
        chunk = self._read(body, complete=True)
        if not chunk.choices:
            raise UpstreamUnavailable(f"{self.provider} answered without any choice.", provider=self.provider)
        self.done = True
        return chunk

    def event(self, data: bytes, name: str | None) -> Chunk | None:  # noqa: ARG002 - this dialect names no events
        if data == b"[DONE]":
            self.done = self.over = True
            return None
        chunk = self._read(data, complete=False)
        if chunk.finish_reason:
            self.done = True
        return chunk

    def _read(self, data: bytes, *, complete: bool) -> Chunk:
        try:
            chunk, error = read_answer(data, complete=complete)
        except msgspec.MsgspecError as fault:
            raise UpstreamUnavailable(
                f"{self.provider} answered something that isn't a chat completion: {fault}.", provider=self.provider
            ) from None
        if error:
            raise _reported(self.provider, error)
        return chunk


class _Error(Struct):
    message: str | None = None
    code: Any = None


class _ErrorBody(Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: Any = None


_decode_error = msgspec.json.Decoder(_ErrorBody).decode


def read_error(body: bytes) -> str | None:
    """The message in an OpenAI-shaped error body, or in the two shapes common among compatible servers."""
    try:
        found = _decode_error(body)
    except msgspec.MsgspecError:
        return None
    if isinstance(found.error, str):
        return found.error
    if found.error is not None and found.error.message:
        return found.error.message
    return found.message or (str(found.detail) if found.detail else None)


def _reported(provider: str, error: Any) -> Exception:
    """An `error` object inside an answer whose status was 200."""
    detail = error if isinstance(error, dict) else {"message": str(error)}
    code = detail.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    return error_for_status(provider, status, str(detail.get("message") or "no reason given"))


def _without_developer(messages: Raw) -> Raw:
    """The same messages with `developer` as `system`, for servers that know only the older role."""
    decoded = msgspec.json.decode(messages, type=list[dict[str, Raw]])
    for message in decoded:
        if bytes(message["role"]).strip() == b'"developer"':
            message["role"] = Raw(b'"system"')
    return Raw(_encode(decoded))


def _marked(messages: Raw) -> Raw:
    """The same messages, the last one marked as the beginning of an answer; one that calls tools is none."""
    decoded = msgspec.json.decode(messages, type=list[dict[str, Raw]])
    if "tool_calls" not in decoded[-1]:
        decoded[-1]["prefix"] = _TRUE
    return Raw(_encode(decoded))
