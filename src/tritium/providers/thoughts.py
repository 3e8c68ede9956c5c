"""A model's reasoning as OpenRouter's `reasoning_details`: out with an answer, back in with the next turn.

Vendors sign what a model thought and want it back unchanged, at the latest while its tool calls are being answered.
Format: OpenRouter's reasoning tokens guide: `reasoning.text` with a signature, `reasoning.encrypted` with data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct


class Thought(Struct, frozen=True):
    """One thought of an earlier answer. `data` is opaque to us; `id` names the tool call that it belongs to."""

    format: str
    text: str = ""
    signature: str | None = None
    data: str | None = None
    id: str | None = None


class Detail(Struct):
    """An entry of `reasoning_details`, as received."""

    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None
    id: str | None = None
    index: int | None = None


def read_thoughts(details: Iterable[Detail], wire_format: str) -> list[Thought]:
    """The thoughts that a vendor will know as its own by their signature; the pieces of one are put together again."""
    thoughts: list[Thought] = []
    index: int | None = None
    for detail in details:
        if detail.format != wire_format:
            continue
        if detail.type == "reasoning.encrypted" and detail.data:
            thoughts.append(Thought(wire_format, data=detail.data, id=detail.id))
            index = None
        elif detail.type == "reasoning.text":
            last = thoughts[-1] if thoughts and index is not None and detail.index == index else None
            text, signature = detail.text or "", detail.signature
            if last is not None:
                thoughts.pop()
                text, signature = last.text + text, signature or last.signature
            thoughts.append(Thought(wire_format, text, signature, id=detail.id))
            index = detail.index
    return [thought for thought in thoughts if thought.signature or thought.data]


def text_detail(wire_format: str, index: int, text: str | None, signature: str | None) -> dict[str, Any]:
    """A piece of a readable thought."""
    detail: dict[str, Any] = {"type": "reasoning.text", "format": wire_format, "index": index}
    if text:
        detail["text"] = text
    if signature:
        detail["signature"] = signature
    return detail


def encrypted_detail(wire_format: str, index: int, data: str, call_id: str | None = None) -> dict[str, Any]:
    """A thought, or the signature of one, that only its vendor can read."""
    return {"type": "reasoning.encrypted", "data": data, "format": wire_format, "id": call_id, "index": index}
