"""Anthropic's tools and tool choice as OpenAI's.

A tool that Anthropic's API has built in stays as it is: whoever speaks Anthropic's format offers it, the others refuse.

Format: Anthropic API reference, `tools` and `tool_choice`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from tritium.api.messages.blocks import cache_control
from tritium.errors import InvalidRequest


class ToolChoice(Struct):
    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class _Custom(Struct):
    """A tool of the caller's own. What says how Anthropic is to load or stream it means nothing elsewhere."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


def chat_tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """OpenAI's function tools; a tool of another type stays as it is.

    Raises:
        InvalidRequest: a tool of the caller's own lacks its name or schema.
    """
    return [_tool(tool, f"tools[{place}]") for place, tool in enumerate(tools)]


def _tool(tool: dict[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        return tool
    try:
        custom = msgspec.convert(tool, _Custom)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid tool: {error}.", param=where) from None
    function: dict[str, Any] = {"name": custom.name, "parameters": custom.input_schema}
    if custom.description:
        function["description"] = custom.description
    if custom.strict is not None:
        function["strict"] = custom.strict
    return {"type": "function", "function": function, **cache_control(custom.cache_control)}


def chat_tool_choice(choice: ToolChoice | None) -> dict[str, Any]:
    """OpenAI's `tool_choice` and `parallel_tool_calls`.

    Raises:
        InvalidRequest: one tool is to be called, and it isn't said which.
    """
    if choice is None:
        return {}
    fields: dict[str, Any] = {"tool_choice": {"any": "required"}.get(choice.type, choice.type)}
    if choice.type == "tool":
        if choice.name is None:
            raise InvalidRequest("A 'tool_choice' of type 'tool' needs the tool's 'name'.", param="tool_choice.name")
        fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    if choice.disable_parallel_tool_use:
        fields["parallel_tool_calls"] = False
    return fields
