"""Every model that a request names, wherever it may do so: a key that may ask one must not reach others through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tritium.chat import ChatRequest

_NAMING = frozenset(("model", "models", "panel", "analysis_models", "judge", "synthesizer", "fallbacks"))
"""Keys under which a request's options name models: OpenRouter's `models`, its fusion plugin and tool, our `fusion`."""


def named_models(request: ChatRequest) -> list[str]:
    """The model first, then whoever else is named."""
    body = request.body
    found = [request.model]
    raw = request.fields.get("models")
    if raw is not None:
        found += _names(msgspec.json.decode(raw), "models")
    for options in (body.fusion, body.plugins, _server_tools(body.tools)):
        if options:
            found += _names(options, "")
    return list(dict.fromkeys(found))


def _server_tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Tools of the gateway's own; a function's parameters are a schema and name nobody."""
    return [tool for tool in tools or () if tool.get("type") != "function"]


def _names(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, str):
        if key in _NAMING:
            yield value
    elif isinstance(value, list):
        for each in value:
            yield from _names(each, key)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _names(each, name)
