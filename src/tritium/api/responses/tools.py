"""Tools and tool choice: the flat function tools of Responses as chat's nested ones, and the fusion tool apart.

Format read: `ResponsesRequest.tools` and `OpenAIResponsesToolChoice` of OpenRouter's OpenAPI document.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tritium.errors import InvalidRequest
from tritium.fusion.openrouter_forms import FUSION_TOOL, ServerTool, read_form

ToolChoice = str | dict[str, Any] | None


class Offer(Struct, frozen=True):
    """What the model may call."""

    tools: list[dict[str, Any]]
    """Function tools as chat has them."""
    choice: ToolChoice
    """Chat's `tool_choice`; None where there is nothing to choose from."""
    fusion: dict[str, Any] | None
    """OpenRouter's server tool as it came."""
    echoed: list[dict[str, Any]]
    """The function tools as the response repeats them."""


def read_offer(tools: list[dict[str, Any]], choice: ToolChoice, *, may_deliberate: bool = True) -> Offer:
    """The tools of a request; without leave to deliberate, the fusion tool is left out.

    Raises:
        InvalidRequest: a tool is not of a kind that is served here, or the choice is of something not offered.
    """
    functions: list[dict[str, Any]] = []
    fusion: dict[str, Any] | None = None
    for place, tool in enumerate(tools):
        kind, where = tool.get("type"), f"tools[{place}]"
        if kind == "function":
            functions.append(_function(tool, where))
        elif kind == FUSION_TOOL:
            read_form(ServerTool, tool.get("parameters") or {}, f"{where}.parameters")
            fusion = tool
        else:
            raise InvalidRequest(_refusal(kind, where), param=f"{where}.type")
    echoed = [{"type": "function", "description": None, **each} for each in functions]
    if isinstance(choice, dict) and choice.get("type") == FUSION_TOOL:
        if fusion is None:
            raise InvalidRequest(
                f"'tool_choice' asks for {FUSION_TOOL!r}, which is not in 'tools'.", param="tool_choice"
            )
        if not may_deliberate:
            return Offer(_nested(functions), None, None, echoed)
        return Offer(_nested(functions), choice, fusion, echoed)
    fusion = fusion if may_deliberate else None
    allowed, chosen = _chosen(choice, functions)
    nested = _nested(allowed)
    return Offer(nested, chosen if nested or fusion else None, fusion, echoed)


def _nested(functions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "function", "function": _without_nulls(each)} for each in functions]


def _function(tool: dict[str, Any], where: str) -> dict[str, Any]:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        hint = " Here a function's fields stand beside its type, not under 'function'." if "function" in tool else ""
        raise InvalidRequest(f"The required field 'name' is missing in {where!r}.{hint}", param=f"{where}.name")
    found = {key: tool.get(key) for key in ("name", "parameters", "strict")}
    if tool.get("description") is not None:
        found["description"] = tool["description"]
    return found


def _refusal(kind: Any, where: str) -> str:
    served = f"Function tools and {FUSION_TOOL!r} are served here."
    if isinstance(kind, str) and kind.startswith("openrouter:"):
        return f"{where}: there is no server tool {kind!r} here. {served}"
    return f"{where}: a tool of type {kind!r} can't be served. {served}"


def _chosen(choice: ToolChoice, functions: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], ToolChoice]:
    """The functions that may be called, and chat's `tool_choice` among them."""
    if choice is None or choice in ("auto", "none", "required"):
        return functions, choice
    kind = choice.get("type") if isinstance(choice, dict) else None
    if isinstance(choice, dict) and kind == "function" and isinstance(choice.get("name"), str):
        return functions, {"type": "function", "function": {"name": choice["name"]}}
    if isinstance(choice, dict) and kind == "allowed_tools" and choice.get("mode") in ("auto", "required"):
        # Chat's own form of this is known to few vendors; offering only the allowed tools is the same to all.
        names = [each.get("name") for each in choice.get("tools") or () if isinstance(each, dict)]
        return [each for each in functions if each["name"] in names], choice["mode"]
    raise InvalidRequest(
        "'tool_choice' is 'auto', 'none', 'required', a function {\"type\":\"function\",\"name\":...} or "
        '{"type":"allowed_tools","mode":...,"tools":[...]}.',
        param="tool_choice",
    )


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
