"""A thought as `encrypted_content`, whole: OpenAI's clients give that back and forget OpenRouter's other fields.

A seal is a prefix that no vendor writes, and the thought's `reasoning_details` entry as base64.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeGuard

import msgspec

_PREFIX = "tritium."
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def sealed(detail: dict[str, Any]) -> str:
    return _PREFIX + urlsafe_b64encode(_encode(detail)).decode()


def is_sealed(encrypted: Any) -> TypeGuard[str]:
    return isinstance(encrypted, str) and encrypted.startswith(_PREFIX)


def unsealed(seal: str) -> dict[str, Any] | None:
    """The entry; None if it was broken on the way: it went through a client's hands, so it may hold anything."""
    try:
        return _decode(urlsafe_b64decode(seal[len(_PREFIX) :]))
    except (ValueError, RecursionError):  # msgspec's errors and binascii's are ValueErrors
        return None
