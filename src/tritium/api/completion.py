"""Chat answers in the wire's shape: ids, usage and cost put in, everything else as the model gave it.

Format: OpenAI's chat completion and chunk objects, with OpenRouter's `provider`, `usage.cost` and `cost_details`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from tritium.chat import Chunk, Completion
from tritium.gateway import Account
from tritium.ledger.prices import NANODOLLARS, total

_encode = msgspec.json.Encoder(decimal_format="number").encode
_fields: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Raw]).decode


class Shape:
    """What all pieces of one answer share."""

    __slots__ = ("_created", "_first", "_id", "_model", "_split")

    def __init__(self, call_id: str, model: str, *, split: bool = False) -> None:
        """`split`: usage tells what the prompt cost and what the answer did, as OpenRouter's clients expect."""
        self._split = split
        self._id = call_id
        self._model = model
        self._created = int(time.time())
        self._first = True

    def completion(self, completion: Completion, account: Account, fusion: Any) -> bytes:
        """A whole answer put together from chunks."""
        message: dict[str, Any] = {"role": "assistant", "content": completion.text, "refusal": None}
        if completion.reasoning:
            message["reasoning"] = completion.reasoning
        if completion.reasoning_details:
            message["reasoning_details"] = completion.reasoning_details
        if completion.tool_calls:
            message["tool_calls"] = completion.tool_calls
            message["content"] = completion.text or None
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason or "stop"}
        document = {
            **self._head("chat.completion", completion.model, completion.provider),
            "system_fingerprint": None,
            "choices": [choice],
            "usage": usage_object(account, split=self._split),
        }
        if fusion is not None:
            document["fusion"] = fusion
        return _encode(document)

    def passed_through(self, chunk: Chunk, account: Account, fusion: Any) -> bytes:
        """A provider's own whole answer, ours only where it must be."""
        assert chunk.raw is not None  # noqa: S101 - the caller looked
        document: dict[str, Any] = _fields(chunk.raw)
        if _thinks_aside(chunk):
            document["choices"] = _with_reasoning(document["choices"])
        document |= self._head("chat.completion", chunk.model, chunk.provider)
        document.setdefault("system_fingerprint", None)
        document["usage"] = usage_object(account, split=self._split)
        if fusion is not None:
            document["fusion"] = fusion
        return _encode(document)

    def chunk(self, chunk: Chunk) -> bytes | None:
        """One piece as a server-sent event; None if nothing of it is the caller's (usage comes at the end)."""
        if chunk.raw is not None:
            document: dict[str, Any] = _fields(chunk.raw)
            document.pop("usage", None)
            if not chunk.choices:
                return None
            if _thinks_aside(chunk):
                document["choices"] = _with_reasoning(document["choices"])
            document |= self._head("chat.completion.chunk", chunk.model, chunk.provider)
            self._first = False
            return _event(document)
        if not chunk.choices:
            return None
        choices = [
            {"index": each.index, "delta": each.delta, "finish_reason": each.finish_reason, "logprobs": None}
            for each in chunk.choices
        ]
        if self._first:
            chunk.choices[0].delta.role = "assistant"
            chunk.choices[0].delta.content = chunk.choices[0].delta.content or ""
            self._first = False
        return _event({**self._head("chat.completion.chunk", chunk.model, chunk.provider), "choices": choices})

    def progress(self, event: Any) -> bytes:
        """A fusion's progress on a chunk that says nothing: valid for every client, visible to those who look."""
        choice: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": None, "logprobs": None}
        head = self._head("chat.completion.chunk", None, None)
        return _event({**head, "choices": [choice], "fusion": event})

    def usage(self, account: Account, fusion: Any) -> bytes:
        """The last chunk: no choices, usage and cost."""
        document = {
            **self._head("chat.completion.chunk", None, None),
            "choices": [],
            "usage": usage_object(account, split=self._split),
        }
        if fusion is not None:
            document["fusion"] = fusion
        return _event(document)

    def last(self, account: Account, run: Any) -> bytes:
        """An empty piece with usage, for clients that expect a choice in every chunk."""
        choice: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": None, "logprobs": None}
        document = {**self._head("chat.completion.chunk", None, None), "choices": [choice]}
        return self.with_usage(_event(document), account, run)

    def with_usage(self, event: bytes, account: Account, fusion: Any) -> bytes:
        """An event that is ready, with usage added to it."""
        document = _fields(event[6:-2])
        document["usage"] = usage_object(account, split=self._split)
        if fusion is not None:
            document["fusion"] = fusion
        return _event(document)

    def failure(self, error: dict[str, Any]) -> bytes:
        """An error in the middle of a stream, as OpenRouter sends it."""
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        return _event({**self._head("chat.completion.chunk", None, None), "error": error, "choices": [choice]})

    def _head(self, kind: str, model: str | None, provider: str | None) -> dict[str, Any]:
        self._model = model or self._model
        head = {"id": self._id, "object": kind, "created": self._created, "model": self._model}
        if provider is not None:
            head["provider"] = provider
        return head


def _thinks_aside(chunk: Chunk) -> bool:
    """Its thoughts go by the name that most servers of OpenAI's dialect give them, and not by OpenRouter's."""
    for choice in chunk.choices:  # noqa: SIM110 - asked of every chunk, and a generator costs more
        if choice.delta.reasoning_content and not choice.delta.reasoning:
            return True
    return False


def _with_reasoning(choices: Raw) -> list[dict[str, Any]]:
    """The same choices with their `reasoning_content` as `reasoning` too."""
    found: list[dict[str, Any]] = msgspec.json.decode(choices)
    for choice in found:
        said = choice.get("message") or choice.get("delta")
        if isinstance(said, dict) and said.get("reasoning_content"):
            said["reasoning"] = said["reasoning_content"]
    return found


def usage_object(account: Account, *, split: bool = False) -> dict[str, Any]:
    """Tokens and cost of everything the request caused. `cost` is null where a price is unknown.

    With `split`, `cost_details` divides it into input and output, where that can be told.
    """
    usage = account.usage
    cost = dollars(account.cost_nanodollars)
    found: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "cost": cost,
        "is_byok": True,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        "cost_details": {"upstream_inference_cost": cost},
    }
    parts = divided(account) if split else None
    if parts is not None:
        found["cost_details"] |= {
            "upstream_inference_prompt_cost": dollars(parts[0]),
            "upstream_inference_completions_cost": dollars(parts[1]),
        }
    return found


def divided(account: Account) -> tuple[int, int] | None:
    """What the input cost and what the output did, in nano-dollars; None where a call's can't be told apart."""
    costs = [row.output_nanodollars for row in account.rows]
    output, cost = total(costs), account.cost_nanodollars
    return None if output is None or cost is None else (cost - output, output)


def dollars(nanodollars: int | None) -> Decimal | None:
    """For JSON: an exact number of dollars."""
    return None if nanodollars is None else Decimal(nanodollars) / NANODOLLARS


def _event(document: Any) -> bytes:
    return b"data: " + _encode(document) + b"\n\n"
