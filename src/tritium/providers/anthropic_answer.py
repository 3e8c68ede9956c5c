"""An answer in Anthropic's Messages format, read into chunks event by event.

Invariant: a chunk's usage is all that was used so far; an event, block or delta of an unknown type is skipped;
whatever else a provider may send ends in an UpstreamError.
Format: Anthropic API reference, Messages and its streaming events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import msgspec
from msgspec import Raw, Struct

from tritium.chat import Choice, Chunk, Delta, FunctionCall, ToolCall, Usage
from tritium.errors import UpstreamUnavailable
from tritium.providers.thoughts import encrypted_detail, text_detail
from tritium.providers.wire import error_for_status

THOUGHT_FORMAT = "anthropic-claude-v1"

_FINISH_REASONS = {
    "end_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "stop",
    "refusal": "content_filter",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
}
_STATUS = {
    "api_error": 500,
    "authentication_error": 401,
    "billing_error": 402,
    "conflict_error": 409,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "request_too_large": 413,
    "timeout_error": 504,
}
"""The documented HTTP status of each error type, for errors that arrive after a 200."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Event(Struct):
    """Any event: what its type doesn't ask for stays undecoded."""

    type: str = ""
    index: Raw = Raw()
    message: Raw = Raw()
    content_block: Raw = Raw()
    delta: Raw = Raw()
    usage: Raw = Raw()
    error: Raw = Raw()


class _Typed(Struct):
    type: str


class _Piece(Struct):
    """A content block's beginning or continuation."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    partial_json: str | None = None


class _ToolUse(Struct):
    id: str
    name: str
    input: dict[str, Any] | None = None


class _Thinking(Struct):
    thinking_tokens: int | None = None


class _Usage(Struct):
    """The provider's counters; `input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Thinking | None = None


class _StopDetails(Struct):
    explanation: str | None = None


class _Stop(Struct):
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Error(Struct):
    type: str | None = None
    message: str | None = None


class _Start(Struct):
    model: str | None = None
    usage: _Usage | None = None


class _Answer(_Stop):
    content: list[Raw] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_index = msgspec.json.Decoder(int).decode
_decode_start = msgspec.json.Decoder(_Start).decode
_decode_type = msgspec.json.Decoder(_Typed).decode
_decode_piece = msgspec.json.Decoder(_Piece).decode
_decode_tool_use = msgspec.json.Decoder(_ToolUse).decode
_decode_stop = msgspec.json.Decoder(_Stop).decode
_decode_usage = msgspec.json.Decoder(_Usage | None).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_error = msgspec.json.Decoder(_Error).decode
_encode = msgspec.json.Encoder().encode


class AnthropicReader:
    """Reads one answer; `message_stop` ends a stream."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.done = self.over = False
        self._usage = _Usage()
        self._calls: dict[int, int] = {}
        """A tool call's number by that of its content block."""
        self._unargued: set[int] = set()
        """Blocks of tool calls whose arguments haven't begun."""
        self._handlers: dict[str, Callable[[_Event], Chunk | None]] = {
            "message_start": self._message_started,
            "content_block_start": self._block_started,
            "content_block_delta": self._block_continued,
            "content_block_stop": self._block_stopped,
            "message_delta": self._message_ending,
            "message_stop": self._message_stopped,
            "error": self._failed,
        }

    def complete(self, body: bytes) -> Chunk:
        try:
            answer = _decode_answer(body)
            if answer.error is not None:
                self._report(answer.error)
            if answer.content is None:
                raise UpstreamUnavailable(f"{self.provider} answered without any content.", provider=self.provider)
            deltas = [self._opened(index, block, whole=True) for index, block in enumerate(answer.content)]
        except _UNREADABLE as fault:
            raise self._malformed(fault) from None
        self.done = True
        choice = self._ended(answer)
        choice.delta = _joined([*filter(None, deltas), choice.delta])
        return Chunk([choice], self._count(answer.usage), model=answer.model)

    def event(self, data: bytes, name: str | None) -> Chunk | None:  # noqa: ARG002 - the data repeats it as `type`
        try:
            event = _decode_event(data)
            handle = self._handlers.get(event.type)
            return handle(event) if handle is not None else None
        except _UNREADABLE as fault:
            raise self._malformed(fault) from None

    # ------------------------------------------------------------ events

    def _message_started(self, event: _Event) -> Chunk:
        start = _decode_start(event.message)
        return Chunk([Choice(delta=Delta(role="assistant"))], self._count(start.usage), model=start.model)

    def _block_started(self, event: _Event) -> Chunk | None:
        return _said(self._opened(_decode_index(event.index), event.content_block, whole=False))

    def _block_continued(self, event: _Event) -> Chunk | None:
        kind = _decode_type(event.delta).type
        if kind not in ("text_delta", "thinking_delta", "signature_delta", "input_json_delta"):
            return None
        index, piece = _decode_index(event.index), _decode_piece(event.delta)
        if kind == "text_delta":
            return _said(_text(piece))
        if kind == "input_json_delta":
            return _said(self._argued(index, piece.partial_json or ""))
        return _said(_thought(index, piece))

    def _block_stopped(self, event: _Event) -> Chunk | None:
        """A call without arguments sends none; its caller expects an object all the same."""
        index = _decode_index(event.index)
        return _said(self._argued(index, "{}")) if index in self._unargued else None

    def _message_ending(self, event: _Event) -> Chunk:
        stop = _decode_stop(event.delta)
        usage = self._count(_decode_usage(event.usage) if event.usage else None)
        return Chunk([self._ended(stop)] if stop.stop_reason else [], usage)

    def _message_stopped(self, event: _Event) -> None:  # noqa: ARG002 - it says nothing else
        self.done = self.over = True

    def _failed(self, event: _Event) -> NoReturn:
        self._report(_decode_error(event.error))

    # ------------------------------------------------------------ what they say

    def _opened(self, index: int, block: Raw, *, whole: bool) -> Delta | None:
        """A content block's beginning, or all of it."""
        kind = _decode_type(block).type
        if kind == "tool_use":
            return self._called(index, _decode_tool_use(block), whole=whole)
        if kind == "text":
            return _text(_decode_piece(block))
        if kind == "thinking":
            return _thought(index, _decode_piece(block))
        if kind == "redacted_thinking":
            data = _decode_piece(block).data or ""
            return Delta(reasoning_details=[encrypted_detail(THOUGHT_FORMAT, index, data)])
        return None

    def _called(self, index: int, use: _ToolUse, *, whole: bool) -> Delta:
        number = self._calls[index] = len(self._calls)
        arguments = _encode(use.input or {}).decode() if use.input or whole else ""
        if not arguments:
            self._unargued.add(index)
        return Delta(tool_calls=[ToolCall(number, use.id, "function", FunctionCall(use.name, arguments))])

    def _argued(self, index: int, piece: str) -> Delta | None:
        if not piece or index not in self._calls:
            return None
        self._unargued.discard(index)
        return Delta(tool_calls=[ToolCall(self._calls[index], function=FunctionCall(arguments=piece))])

    def _ended(self, stop: _Stop) -> Choice:
        native = stop.stop_reason
        refusal = stop.stop_details.explanation if stop.stop_details is not None else None
        return Choice(0, Delta(refusal=refusal), _FINISH_REASONS.get(native or "", "stop"), native)

    def _count(self, usage: _Usage | None) -> Usage | None:
        """The sum so far: each count that an event names replaces the one before. None while none was named."""
        for name in _Usage.__struct_fields__:
            value = getattr(usage, name, None)
            if value is not None:
                setattr(self._usage, name, value)
        known = self._usage
        if known.input_tokens is None and known.output_tokens is None:
            return None
        read, written = known.cache_read_input_tokens or 0, known.cache_creation_input_tokens or 0
        thinking = known.output_tokens_details
        return Usage(
            input=(known.input_tokens or 0) + read + written,
            output=known.output_tokens or 0,
            cache_read=read,
            cache_write=written,
            reasoning=(thinking and thinking.thinking_tokens) or 0,
        )

    def _report(self, error: _Error) -> NoReturn:
        """An error that came after a 200, as the status it would have had."""
        raise error_for_status(self.provider, _STATUS.get(error.type or "", 500), error.message or "no reason given")

    def _malformed(self, fault: Exception) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            f"{self.provider} answered something that isn't a message: {fault}.", provider=self.provider
        )


def _said(delta: Delta | None) -> Chunk | None:
    return None if delta is None else Chunk([Choice(delta=delta)])


def _text(piece: _Piece) -> Delta | None:
    return Delta(content=piece.text) if piece.text else None


def _thought(index: int, piece: _Piece) -> Delta | None:
    if not piece.thinking and not piece.signature:
        return None
    detail = text_detail(THOUGHT_FORMAT, index, piece.thinking, piece.signature)
    return Delta(reasoning=piece.thinking or None, reasoning_details=[detail])


def _joined(deltas: Iterable[Delta]) -> Delta:
    """The deltas of a whole answer as one."""
    whole = Delta(role="assistant")
    for delta in deltas:
        whole.content = (whole.content or "") + (delta.content or "") or None
        whole.reasoning = (whole.reasoning or "") + (delta.reasoning or "") or None
        whole.refusal = delta.refusal or whole.refusal
        whole.tool_calls = (whole.tool_calls or []) + (delta.tool_calls or []) or None
        details = delta.reasoning_details
        whole.reasoning_details = (whole.reasoning_details or []) + (details or []) or None
    return whole
