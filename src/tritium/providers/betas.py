"""Which of Anthropic's betas a caller may switch on: those that change how a model answers, not what is exchanged.

A beta of another kind (files, containers, servers of tools, edits of the context) needs fields or blocks that are not
carried here, so that its name alone would promise what doesn't come.
Source: Anthropic API reference, beta headers, and the names in its SDKs, as of November 2026.
"""

from __future__ import annotations

import re

from tritium.chat import ChatRequest
from tritium.providers.controls import given

FIELD = "anthropic_beta"
"""The request's field for them, as Bedrock calls it; a Messages request has them in the header `anthropic-beta`."""

_ALLOWED = frozenset(
    {
        "computer-use",
        "context-1m",
        "effort",
        "extended-cache-ttl",
        "fine-grained-tool-streaming",
        "interleaved-thinking",
        "output-128k",
        "output-300k",
        "pdfs",
        "prompt-caching",
        "structured-outputs",
        "token-efficient-tools",
    }
)
_DATED = re.compile(r"([a-z0-9-]+)-20\d\d-\d\d-\d\d")


def split_betas(header: str) -> list[str]:
    """The names in the header, which may come several times, joined by commas."""
    return [name for each in header.split(",") if (name := each.strip())]


def allowed_betas(request: ChatRequest) -> list[str]:
    """Those of the request's betas that are passed on, in order.

    Raises:
        InvalidRequest: the field is no list of names.
    """
    if FIELD not in request.fields:
        return []
    return [name for name in given(request, FIELD, list[str]) or () if _kind(name) in _ALLOWED]


def _kind(name: str) -> str | None:
    found = _DATED.fullmatch(name)
    return found[1] if found is not None else None
