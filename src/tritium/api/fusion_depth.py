"""A request from inside somebody's fusion gets no fusion of its own: one level only.

Format: OpenRouter's `x-openrouter-fusion-depth`. From outside it is believed only where it asks for less.
"""

from __future__ import annotations

from typing import Any

from tritium.api.visit import Visit
from tritium.chat import ChatRequest
from tritium.fusion.openrouter_forms import FUSION_TOOL

_HEADER = b"x-openrouter-fusion-depth"


def at_one_level(visit: Visit, request: ChatRequest) -> ChatRequest:
    """The request; if a fusion sent it, without any door to another, and for a fusion's name one model."""
    depth = visit.header(_HEADER)
    if not depth or depth.strip() == "0":
        return request
    body = request.body
    tools = [tool for tool in body.tools or () if tool.get("type") != FUSION_TOOL]
    plugins = [plugin for plugin in body.plugins or () if plugin.get("id") != "fusion"]
    changes: dict[str, Any] = {"tools": tools or None, "plugins": plugins or None, "fusion": {"enabled": False}}
    chosen = isinstance(body.tool_choice, dict) and body.tool_choice.get("type") == FUSION_TOOL
    if chosen or not tools:
        changes["tool_choice"] = None
    return request.replace(**changes)
