"""Other vendors' signed thoughts in Anthropic's blocks, so that a client carries them to the next turn unread.

A thought that Claude signed keeps its signature. Any other goes sealed: its whole `reasoning_details` entry as base64
behind a prefix that no vendor writes.
Format read and written: OpenRouter's `reasoning_details`; Anthropic's `thinking` and `redacted_thinking` blocks.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from tritium.providers.anthropic_answer import THOUGHT_FORMAT
from tritium.providers.thoughts import Detail, encrypted_detail, text_detail

_SEAL = "tritium."
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_detail = msgspec.json.Decoder(Detail).decode


def is_claudes(detail: dict[str, Any]) -> bool:
    """It is of a Claude, wherever that runs."""
    return detail.get("format") == THOUGHT_FORMAT


def sealed(detail: dict[str, Any]) -> str:
    """A detail as a string for a `signature` or for `data`."""
    return _SEAL + urlsafe_b64encode(_encode(detail)).decode()


def unsealed_thought(text: str, signature: str, index: int) -> dict[str, Any] | None:
    """A `thinking` block as the detail it was; None if nobody signed it."""
    if not signature:
        return None
    if not signature.startswith(_SEAL):
        return text_detail(THOUGHT_FORMAT, index, text, signature)
    detail = _opened(signature)
    return None if detail is None else {**detail, "text": text, "index": index}


def unsealed_data(data: str, index: int) -> dict[str, Any] | None:
    """A `redacted_thinking` block as the detail it was; None if its seal was broken on the way."""
    if not data.startswith(_SEAL):
        return encrypted_detail(THOUGHT_FORMAT, index, data)
    detail = _opened(data)
    return None if detail is None else {**detail, "index": index}


def _opened(seal: str) -> dict[str, Any] | None:
    """What a seal holds; it went through a client's hands, so it may hold anything."""
    try:
        raw = urlsafe_b64decode(seal[len(_SEAL) :])
        _decode_detail(raw)
        found: dict[str, Any] = msgspec.json.decode(raw)
    except (ValueError, RecursionError):  # msgspec's errors and binascii's are ValueErrors
        return None
    return found
