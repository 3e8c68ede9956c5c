"""What becomes of the caller's tools in a fusion: who gets them, on which turns.

`advise`: the members say in words what they would do, and one model acts on it, with the tools. `vote`: each member
proposes calls, and the majority's are made. `passthrough`: one model alone. `reject`: none are taken.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.fusion.tool_turns import answers_tools

ToolPolicy = Literal["advise", "vote", "passthrough", "reject"]
ToolCadence = Literal["every_turn", "user_turns", "first_turn"]


class ToolTurn(Struct, frozen=True):
    """What this turn does with the tools; `policy` is None where there are none to be called."""

    policy: Literal["advise", "vote", "passthrough"] | None = None
    reason: str = ""


def tool_turn(request: ChatRequest, policy: ToolPolicy, cadence: ToolCadence) -> ToolTurn:
    """Decide for one request.

    Raises:
        InvalidRequest: it brings tools, and this fusion takes none.
    """
    body = request.body
    if not body.tools:
        return ToolTurn()
    if policy == "reject":
        raise InvalidRequest(
            "This fusion takes no tools (tools = 'reject'). Leave 'tools' out, ask a single model, or set "
            '"fusion": {"tools": "advise"}, "vote" or "passthrough".',
            param="tools",
        )
    if body.tool_choice == "none":
        return ToolTurn(None, "the tools must not be called (tool_choice 'none'): the panel answers without them")
    if policy == "passthrough":
        return ToolTurn("passthrough", "the caller's tools go to one model (tools 'passthrough')")
    if cadence == "first_turn" and any(message.role == "assistant" for message in body.messages):
        return ToolTurn(
            "passthrough", "not the first turn: the acting model goes on alone (tools_cadence 'first_turn')"
        )
    if cadence == "user_turns" and answers_tools(request):
        return ToolTurn(
            "passthrough",
            "this turn answers tool results: the acting model goes on alone (tools_cadence 'user_turns')",
        )
    if policy == "vote":
        return ToolTurn("vote", "every member proposes calls of the caller's tools, and they are voted on")
    return ToolTurn("advise", "the members advise without the caller's tools, and the acting model has them")
