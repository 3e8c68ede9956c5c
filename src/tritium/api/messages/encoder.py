"""An answer as an Anthropic message: whole, or as the events that a client folds into one.

Format: Anthropic API reference, Messages and its streaming events; `provider`, `usage.cost` and `usage.is_byok` as in
OpenRouter's, and `fusion` of our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tritium.api.completion import dollars
from tritium.api.errors import anthropic_error
from tritium.api.messages.estimate import estimated_tokens
from tritium.api.messages.pieces import ContentBlocks, Event, folded
from tritium.chat import ChatRequest, Chunk, Completion, Delta, Usage
from tritium.errors import TritiumError
from tritium.gateway import Account

_STOP_REASONS = {
    "content_filter": "refusal",
    "function_call": "tool_use",
    "length": "max_tokens",
    "stop": "end_turn",
    "tool_calls": "tool_use",
}
_NATIVE = {
    "end_turn",
    "max_tokens",
    "model_context_window_exceeded",
    "pause_turn",
    "refusal",
    "stop_sequence",
    "tool_use",
}
"""Anthropic's own words, which say more than OpenAI's."""

_NO_MORE = b""
"""Where other dialects write `[DONE]`; whoever adds to an answer's last event finds it before this."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class MessagesEncoder:
    """One message. It begins with the first chunk, which knows the model that answers and, of Claude, the input."""

    def __init__(self, call_id: str, request: ChatRequest) -> None:
        self._id = call_id
        self._request = request
        self._model = request.model
        self._blocks = _content_blocks(call_id, request)
        self._begun = False
        self._finish_reason: str | None = None
        self._native: str | None = None
        self._explanation: str | None = None
        self._wants_events = False

    # ------------------------------------------------------------ whole

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:  # noqa: ARG002 - another dialect's answer is never passed through
        self._finish_reason, self._native = completion.finish_reason, completion.native_finish_reason
        delta = Delta(
            content=completion.text,
            reasoning=completion.reasoning,
            reasoning_details=completion.reasoning_details,
            refusal=completion.refusal,
            tool_calls=completion.tool_calls,
        )
        events = [*self._blocks.add(self._declined(delta)), *self._blocks.finish()]
        message = {
            **self._head(completion.model, completion.provider),
            "content": folded(events),
            **self._stop(),
            "usage": _usage_object(account),
        }
        if run is not None:
            message["fusion"] = run
        return _encode(message)

    # ------------------------------------------------------------ stream

    def begin(self) -> bytes:
        return b""

    def part(self, chunk: Chunk) -> list[bytes]:
        events: list[Event] = []
        for choice in chunk.choices:
            if choice.index == 0:
                self._finish_reason = choice.finish_reason or self._finish_reason
                self._native = choice.native_finish_reason or self._native
                events += self._blocks.add(self._declined(choice.delta))
        return [*self._opening(chunk), *_written(events)] if chunk.choices else []

    def progress(self, event: Any) -> list[bytes]:
        """On a ping, which every client passes over and one that looks can read."""
        self._wants_events = self._wants_events or bool(event.get("events"))
        return [_event("ping", {"fusion": event})] if self._wants_events else []

    def end(self, account: Account, run: Any) -> list[bytes]:
        closing = _written(self._blocks.finish())
        ending: dict[str, Any] = {"delta": {"container": None, **self._stop()}, "usage": _usage_object(account)}
        if run is not None:
            ending["fusion"] = run
        return [*self._opening(None), *closing, _event("message_delta", ending), _event("message_stop", {}), _NO_MORE]

    def failure(self, error: TritiumError) -> list[bytes]:
        return [b"event: error\ndata: " + _encode(anthropic_error(error, self._id)) + b"\n\n", _NO_MORE]

    # ------------------------------------------------------------ parts of a message

    def _opening(self, first: Chunk | None) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        head = self._head(first.model, first.provider) if first is not None else self._head(None, None)
        known = first.usage if first is not None else None
        usage = known if known is not None and known.input else Usage(input=estimated_tokens(self._request))
        stop = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
        message = {**head, "content": [], **stop, "usage": _token_counts(usage) | {"output_tokens": 0}}
        return [_event("message_start", {"message": message}), _event("ping", {})]

    def _head(self, model: str | None, provider: str | None) -> dict[str, Any]:
        self._model = model or self._model
        head = {"id": self._id, "type": "message", "role": "assistant", "model": self._model, "container": None}
        return head if provider is None else {**head, "provider": provider}

    def _declined(self, delta: Delta) -> Delta:
        """A refusal is what was said instead of an answer; Anthropic's own is an explanation beside it."""
        if not delta.refusal:
            return delta
        if self._native == "refusal":
            self._explanation = (self._explanation or "") + delta.refusal
            return delta
        return msgspec.structs.replace(delta, content=(delta.content or "") + delta.refusal)

    def _stop(self) -> dict[str, Any]:
        native = self._native if self._native in _NATIVE else None
        reason = native or _STOP_REASONS.get(self._finish_reason or "", "end_turn")
        if self._blocks.called and reason == "end_turn":
            reason = "tool_use"  # some vendors call a function and say that they simply stopped
        details = None
        if reason == "refusal":
            details = {"type": "refusal", "category": None, "explanation": self._explanation}
        return {"stop_reason": reason, "stop_sequence": self._stop_sequence(reason), "stop_details": details}

    def _stop_sequence(self, reason: str) -> str | None:
        """Which sequence ended the answer; nobody tells us, so it is known only where there is one to choose from."""
        stop = self._request.body.stop
        sequences = [stop] if isinstance(stop, str) else stop or []
        return sequences[0] if reason == "stop_sequence" and len(sequences) == 1 else None


def _content_blocks(call_id: str, request: ChatRequest) -> ContentBlocks:
    """Thoughts go to those who asked for them, and to those whose tools may need them with the next turn."""
    reasoning = request.body.reasoning or {}
    hides = reasoning.get("exclude") is True or reasoning.get("enabled") is False
    return ContentBlocks(
        call_id, shows_thoughts=bool(reasoning or request.body.tools) and not hides, hides_thoughts=hides
    )


def _usage_object(account: Account) -> dict[str, Any]:
    """Tokens and cost of everything the request caused. `cost` is null where a price is unknown."""
    return {**_token_counts(account.usage), "cost": dollars(account.cost_nanodollars), "is_byok": True}


def _token_counts(usage: Usage) -> dict[str, Any]:
    """In Anthropic's count, where `input_tokens` leaves out what was read from or written to a cache."""
    return {
        "input_tokens": max(usage.input - usage.cache_read - usage.cache_write, 0),
        "output_tokens": usage.output,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": None,
        "output_tokens_details": {"thinking_tokens": usage.reasoning} if usage.reasoning else None,
        "inference_geo": None,
        "server_tool_use": None,
        "service_tier": "standard",
    }


def _written(events: Iterable[Event]) -> list[bytes]:
    return [_event(name, data) for name, data in events]


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode({"type": name, **data}) + b"\n\n"
