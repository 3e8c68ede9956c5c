"""OpenAI's chat completions on the wire: the dialect of OpenAI and of every compatible vendor and server.

It is also our own inner vocabulary, so a request is spliced rather than rebuilt and an answer keeps its bytes.
Format: OpenAI API reference, chat completions; vendors' departures are `Quirks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from tritium.chat import ChatRequest, Chunk, read_answer
from tritium.errors import UpstreamUnavailable
from tritium.providers.betas import FIELD as BETAS
from tritium.providers.controls import Effort, read_reasoning
from tritium.providers.model_rules import ModelRules, rules_for
from tritium.providers.plain import plain_messages, plain_tools
from tritium.providers.sse import EventDecoder
from tritium.providers.strict_messages import reshaping
from tritium.providers.wire import Quirks, Reader, WireRequest, error_for_status

_OURS = ("fusion", BETAS)
_OPENROUTERS = ("plugins", "provider", "models", "route", "transforms", "session_id", "trace", "usage", "preset")
_EXTENSIONS = ("reasoning", "cache_control")
"""OpenRouter's, too, and taken over by other dialects' requests; OpenAI answers them with a 400."""

_INCLUDE_USAGE = Raw(b'{"include_usage":true}')
_TRUE, _FALSE = Raw(b"true"), Raw(b"false")
_encode = msgspec.json.Encoder().encode
_NAMES_KEPT = 1000
_EFFORTS: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_LEAST_SHARES = (("high", 0.65), ("medium", 0.35))
"""Of the output: half way between OpenRouter's figures for the efforts."""


class _Named(NamedTuple):
    """A model as it is asked: its name as JSON, what it isn't sent, what else is changed for it, the path."""

    name: Raw
    dropped: frozenset[str]
    rules: ModelRules | None
    path: str


class OpenAIFormat:
    """The format, with one vendor's quirks."""

    framing = EventDecoder

    def __init__(
        self, quirks: Quirks | None = None, lacking: Callable[[str], frozenset[str]] = lambda _: frozenset()
    ) -> None:
        """`lacking`: what a model is known to answer with a 400; an answer without it is still an answer."""
        self.quirks = quirks or Quirks()
        self._lacking = lacking
        unknown = () if self.quirks.openrouter_fields else (*_OPENROUTERS, *_EXTENSIONS)
        self._dropped = frozenset((*_OURS, *unknown, *self.quirks.drop, "stream_options"))
        self._bearers: dict[str, tuple[tuple[bytes, bytes], ...]] = {}
        self._named: dict[str, _Named] = {}
        self._reshape = reshaping(self.quirks)

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        fields = request.fields.copy()
        name, dropped, rules, path = self._named.get(model) or self._name(model)
        if not dropped.isdisjoint(fields):
            if "reasoning" in dropped and "reasoning" in fields:
                _say_effort(fields, request)
            for each in dropped & fields.keys():
                del fields[each]
        fields["model"] = name
        fields["stream"] = _TRUE if streaming else _FALSE
        if streaming and self.quirks.stream_options:
            fields["stream_options"] = _INCLUDE_USAGE
        if rules is not None:
            rules.apply(fields, request)
        self._name_output_cap(fields)
        if self.quirks.rename:
            self._rename(fields)
        self._reword(fields, request)
        headers = (self._bearers.get(key) or self._bearer(key)) if key else ()
        return WireRequest(path, headers, _encode(fields))

    def reader(self, provider: str) -> Reader:
        return OpenAIReader(provider)

    def error_message(self, body: bytes) -> str | None:
        return read_error(body)

    def _reword(self, fields: dict[str, Raw], request: ChatRequest) -> None:
        """Messages and tools as the vendor takes them."""
        if not self.quirks.openrouter_fields:
            fields["messages"] = plain_messages(fields["messages"], reasoning_content=self.quirks.reasoning_content)
            if "tools" in fields:
                fields["tools"] = plain_tools(fields["tools"])
        if not self.quirks.developer_role and any(each.role == "developer" for each in request.body.messages):
            fields["messages"] = _without_developer(fields["messages"])
        if self._reshape is not None:
            fields["messages"] = self._reshape(fields["messages"])
        if self.quirks.marks_prefill and request.body.messages[-1].role == "assistant":
            fields["messages"] = _marked(fields["messages"])

    def _name(self, model: str) -> _Named:
        """What depends on the model alone; made once for each of the few that are asked again."""
        if len(self._named) >= _NAMES_KEPT:
            self._named.clear()
        dropped = self._dropped | self._lacking(model)
        rules = rules_for(model, self.quirks.models)
        if rules is not None:
            dropped |= rules.drop
            rules = None if rules.only_drop else rules._replace(drop=dropped)
        path = self.quirks.path.replace("{model}", quote(model, safe=""))
        return self._named.setdefault(model, _Named(Raw(_encode(model)), dropped, rules, path))

    def _bearer(self, key: str) -> tuple[tuple[bytes, bytes], ...]:
        own = self.quirks.key_header
        header = (own.encode(), key.encode()) if own else (b"authorization", b"Bearer " + key.encode())
        return self._bearers.setdefault(key, (header,))

    def _rename(self, fields: dict[str, Raw]) -> None:
        for ours, theirs in self.quirks.rename.items():
            if ours in fields:
                fields.setdefault(theirs, fields.pop(ours))

    def _name_output_cap(self, fields: dict[str, Raw]) -> None:
        wanted = self.quirks.max_tokens
        other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
        given = fields.pop(other, None)
        if given is not None and wanted not in fields:
            fields[wanted] = given


def _say_effort(fields: dict[str, Raw], request: ChatRequest) -> None:
    """OpenRouter's `reasoning` as `reasoning_effort`: of three, which all models that reason have.

    What is to be left out has no word that all of them know.
    """
    wanted = read_reasoning(request)
    if wanted is None or wanted.off or "reasoning_effort" in fields:
        return
    effort = _EFFORTS.get(wanted.effort) if wanted.effort is not None else None
    if effort is None and wanted.budget is not None and request.output_limit:
        share = wanted.budget / request.output_limit
        effort = next((name for name, least in _LEAST_SHARES if share >= least), "low")
    fields["reasoning_effort"] = Raw(_encode(effort or "medium"))


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
