"""An answer in Gemini's format, read into chunks event by event.

Invariant: a chunk's usage is all that was used so far; parts that hold neither text nor a function call are skipped;
whatever else a provider may send ends in an UpstreamError.
Format: Gemini API reference v1beta, `GenerateContentResponse`; each event of a stream is one.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from tritium.chat import Choice, Chunk, Delta, FunctionCall, ToolCall, Usage
from tritium.errors import UpstreamUnavailable
from tritium.providers.thoughts import encrypted_detail
from tritium.providers.wire import error_for_status

THOUGHT_FORMAT = "google-gemini-v1"

_LENGTH = ("MAX_TOKENS", "CONTINUATION")
_FILTERED = (
    "BLOCKLIST",
    "ESCALATION",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_SAFETY",
    "JAILBREAK",
    "LANGUAGE",
    "MODEL_ARMOR",
    "PROHIBITED_CONTENT",
    "PUP_LIMITED_DISABLED",
    "RECITATION",
    "SAFETY",
    "SPII",
)
_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Google's canonical error codes, for errors that name no HTTP status."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Call(Struct, rename="camel"):
    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None


class _Content(Struct, rename="camel"):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Usage(Struct, rename="camel"):
    """`prompt_token_count` includes the cached; thoughts and tools' prompts are counted apart."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None

    def read(self) -> Usage:
        thoughts = self.thoughts_token_count or 0
        return Usage(
            input=(self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
            output=(self.candidates_token_count or 0) + thoughts,
            cache_read=self.cached_content_token_count or 0,
            reasoning=thoughts,
        )


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class _Error(Struct):
    code: int | None = None
    status: str | None = None
    message: str | None = None


class _Answer(Struct, rename="camel"):
    candidates: list[_Candidate] = field(default_factory=list)
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: _Error | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.Encoder().encode


class GeminiReader:
    """Reads one answer; a finish reason, or the prompt's refusal, ends a stream."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.done = self.over = False  # no event is the last: usage may follow the finish
        self._begun = False
        self._usage = _Usage()
        self._calls = 0
        self._thoughts = 0

    def complete(self, body: bytes) -> Chunk:
        chunk = self._read(body)
        if not chunk.choices:
            raise UpstreamUnavailable(f"{self.provider} answered without any candidate.", provider=self.provider)
        self.done = True
        return chunk

    def event(self, data: bytes, name: str | None) -> Chunk | None:  # noqa: ARG002 - this dialect names no events
        chunk = self._read(data)
        return chunk if chunk.choices or chunk.usage is not None else None

    def _read(self, data: bytes) -> Chunk:
        try:
            answer = _decode_answer(data)
        except _UNREADABLE as fault:
            raise UpstreamUnavailable(
                f"{self.provider} answered something that isn't generated content: {fault}.", provider=self.provider
            ) from None
        if answer.error is not None:
            raise self._reported(answer.error)
        return Chunk(self._choices(answer), self._count(answer.usage_metadata), model=answer.model_version)

    def _count(self, usage: _Usage | None) -> Usage | None:
        """The sum so far: a count that an event leaves out is as it was."""
        if usage is None:
            return None
        for name in _Usage.__struct_fields__:
            value = getattr(usage, name)
            if value is not None:
                setattr(self._usage, name, value)
        return self._usage.read()

    def _choices(self, answer: _Answer) -> list[Choice]:
        if answer.candidates:
            return [self._choice(answer.candidates[0], answer.response_id)]
        blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
        if not blocked:
            return []
        self.done = True
        return [Choice(0, self._delta(), "content_filter", blocked)]

    def _choice(self, candidate: _Candidate, answer_id: str | None) -> Choice:
        delta = self._delta()
        for part in (candidate.content and candidate.content.parts) or ():
            self._add(delta, part, answer_id)
        native = candidate.finish_reason
        if native is None:
            return Choice(0, delta)
        self.done = True
        finish = "tool_calls" if self._calls else "stop"
        if native in _LENGTH:
            finish = "length"
        elif native in _FILTERED:
            finish = "content_filter"
            delta.refusal = candidate.finish_message
        return Choice(0, delta, finish, native)

    def _delta(self) -> Delta:
        role = None if self._begun else "assistant"
        self._begun = True
        return Delta(role=role)

    def _add(self, delta: Delta, part: _Part, answer_id: str | None) -> None:
        call_id = None
        if part.function_call is not None:
            call = self._call(part.function_call, answer_id)
            call_id = call.id
            delta.tool_calls = [*(delta.tool_calls or ()), call]
        elif part.text and part.thought:
            delta.reasoning = (delta.reasoning or "") + part.text
        elif part.text:
            delta.content = (delta.content or "") + part.text
        if part.thought_signature:
            detail = encrypted_detail(THOUGHT_FORMAT, self._thoughts, part.thought_signature, call_id)
            delta.reasoning_details = [*(delta.reasoning_details or ()), detail]
            self._thoughts += 1

    def _call(self, call: _Call, answer_id: str | None) -> ToolCall:
        """A call, whole. Models before Gemini 3 give it no id; ours must not recur in a later answer of the chat."""
        number = self._calls
        self._calls += 1
        call_id = call.id or "_".join(filter(None, ("call", answer_id, str(number))))
        return ToolCall(number, call_id, "function", FunctionCall(call.name, _encode(call.args or {}).decode()))

    def _reported(self, error: _Error) -> Exception:
        """An error in an answer whose status was 200."""
        status = error.code if error.code is not None and 400 <= error.code < 600 else None
        status = status or _STATUS.get(error.status or "", 500)
        return error_for_status(self.provider, status, error.message or "no reason given")
