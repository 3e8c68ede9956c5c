"""An answer in Converse's format, read into chunks: whole, or event by event.

Invariant: a block, delta or event of an unknown kind is skipped; whatever else may come ends in an UpstreamError.
Format: Amazon Bedrock API reference, `ConverseResponse` and `ConverseStreamOutput`.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from msgspec import Struct, field

from tritium.chat import Choice, Chunk, Delta, FunctionCall, ToolCall, Usage
from tritium.errors import UpstreamUnavailable
from tritium.providers.anthropic_answer import THOUGHT_FORMAT
from tritium.providers.aws_events import FAILED
from tritium.providers.thoughts import encrypted_detail, text_detail
from tritium.providers.wire import error_for_status

_FINISH_REASONS = {
    "content_filtered": "content_filter",
    "end_turn": "stop",
    "guardrail_intervened": "content_filter",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
}
_STATUS = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""The HTTP status of each exception, for those that arrive after a 200."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Camel(Struct, rename="camel"):
    pass


class _ToolUse(_Camel):
    tool_use_id: str | None = None
    name: str | None = None
    input: Any = None
    """Of a whole call an object, in a stream a piece of its JSON."""


class _ReasoningText(_Camel):
    text: str | None = None
    signature: str | None = None


class _Reasoning(_ReasoningText):
    """Of a stream, or, with `reasoning_text`, of a whole answer."""

    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Cited(_Camel):
    text: str | None = None


class _Citations(_Camel):
    content: list[_Cited] | None = None


class _Block(_Camel):
    """A content block, or a piece of one."""

    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Citations | None = None


class _Usage(_Camel):
    """`input_tokens` leaves out what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def read(self) -> Usage:
        read, written = self.cache_read_input_tokens or 0, self.cache_write_input_tokens or 0
        return Usage(
            input=(self.input_tokens or 0) + read + written,
            output=self.output_tokens or 0,
            cache_read=read,
            cache_write=written,
        )


class _Message(_Camel):
    content: list[_Block] = field(default_factory=list)


class _Output(_Camel):
    message: _Message | None = None


class _Answer(_Camel):
    output: _Output
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Event(_Camel):
    """Any event: each has some of these."""

    content_block_index: int = 0
    start: _Block | None = None
    delta: _Block | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    message: str | None = None
    original_message: str | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode


class BedrockReader:
    """Reads one answer. `messageStop` ends it; `metadata`, with the usage, comes after that and is the last event."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.done = self.over = False
        self._calls: dict[int, int] = {}
        self._unargued: set[int] = set()

    def complete(self, body: bytes) -> Chunk:
        try:
            answer = _decode_answer(body)
        except _UNREADABLE as fault:
            raise self._malformed(fault) from None
        if answer.output.message is None:
            raise UpstreamUnavailable(f"{self.provider} answered without a message.", provider=self.provider)
        whole = Delta(role="assistant")
        for index, block in enumerate(answer.output.message.content):
            self._add(whole, index, block)
        self.done = True
        usage = answer.usage.read() if answer.usage is not None else None
        return Chunk([self._ended(answer.stop_reason, whole)], usage)

    def event(self, data: bytes, name: str | None) -> Chunk | None:
        try:
            event = _decode_event(data or b"{}")
        except _UNREADABLE as fault:
            raise self._malformed(fault) from None
        if name is not None and name.startswith(FAILED):
            self._report(name.removeprefix(FAILED), event)
        if name == "messageStart":
            return Chunk([Choice(delta=Delta(role="assistant"))])
        if name == "contentBlockStart" and event.start is not None:
            return self._begun(event.content_block_index, event.start)
        if name == "contentBlockDelta" and event.delta is not None:
            return _said(self._piece(event.content_block_index, event.delta))
        if name == "contentBlockStop" and event.content_block_index in self._unargued:
            return _said(self._argued(event.content_block_index, "{}"))
        if name == "messageStop":
            self.done = True
            return Chunk([self._ended(event.stop_reason, Delta())])
        if name == "metadata":
            self.over = self.done
            return Chunk([], event.usage.read()) if event.usage is not None else None
        return None

    # ------------------------------------------------------------ pieces

    def _begun(self, index: int, start: _Block) -> Chunk | None:
        use = start.tool_use
        if use is None:
            return None
        self._unargued.add(index)
        return _said(Delta(tool_calls=[self._call(index, use, "")]))

    def _piece(self, index: int, piece: _Block) -> Delta | None:
        if piece.tool_use is not None:
            return self._argued(index, piece.tool_use.input)
        if piece.reasoning_content is not None:
            return _thought(index, piece.reasoning_content)
        return Delta(content=piece.text) if piece.text else None

    def _argued(self, index: int, piece: Any) -> Delta | None:
        """A call without arguments sends none; its caller expects an object all the same."""
        if index not in self._calls or not isinstance(piece, str) or not piece:
            return None
        self._unargued.discard(index)
        return Delta(tool_calls=[ToolCall(self._calls[index], function=FunctionCall(arguments=piece))])

    def _call(self, index: int, use: _ToolUse, arguments: str) -> ToolCall:
        number = self._calls[index] = len(self._calls)
        return ToolCall(number, use.tool_use_id, "function", FunctionCall(use.name, arguments))

    def _add(self, whole: Delta, index: int, block: _Block) -> None:
        cited = block.citations_content.content if block.citations_content is not None else None
        text = (block.text or "") + "".join(each.text or "" for each in cited or ())
        if text:
            whole.content = (whole.content or "") + text
        if block.tool_use is not None:
            call = self._call(index, block.tool_use, _encode(block.tool_use.input or {}).decode())
            whole.tool_calls = [*(whole.tool_calls or ()), call]
        thought = _thought(index, block.reasoning_content) if block.reasoning_content is not None else None
        if thought is not None:
            whole.reasoning = (whole.reasoning or "") + (thought.reasoning or "") or None
            whole.reasoning_details = [*(whole.reasoning_details or ()), *(thought.reasoning_details or ())]

    def _ended(self, reason: str | None, delta: Delta) -> Choice:
        return Choice(0, delta, _FINISH_REASONS.get(reason or "", "stop"), reason)

    # ------------------------------------------------------------ failures

    def _report(self, kind: str, event: _Event) -> NoReturn:
        message = event.message or event.original_message or kind or "no reason given"
        raise error_for_status(self.provider, _STATUS.get(kind, 500), message)

    def _malformed(self, fault: Exception) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            f"{self.provider} answered something that isn't of Converse: {fault}.", provider=self.provider
        )


def _said(delta: Delta | None) -> Chunk | None:
    return None if delta is None else Chunk([Choice(delta=delta)])


def _thought(index: int, piece: _Reasoning) -> Delta | None:
    if piece.redacted_content:
        return Delta(reasoning_details=[encrypted_detail(THOUGHT_FORMAT, index, piece.redacted_content)])
    known = piece.reasoning_text or piece
    if not known.text and not known.signature:
        return None
    detail = text_detail(THOUGHT_FORMAT, index, known.text, known.signature)
    return Delta(reasoning=known.text or None, reasoning_details=[detail])
