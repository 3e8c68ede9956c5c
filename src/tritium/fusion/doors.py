"""OpenRouter's doors to a fusion on any model: its plugin, its server tool, and a tool choice that demands it.

They come to the same: a fusion whose writer is the model that the request names. `tool` leaves it to that model whether
a panel is asked; `always` asks one; `auto` asks one where that is worth it. What means nothing is refused; the
request's own `fusion` field has the last word.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.fusion.fusion import Fusion
from tritium.fusion.openrouter_forms import FUSION_TOOL, Plugin, ServerTool, read_form
from tritium.fusion.presets import with_preset
from tritium.fusion.quote import Quote
from tritium.fusion.roster import Roster
from tritium.model import Answer, Call, Model

_PLUGIN = "fusion"


class Doors(Struct, frozen=True):
    """What a request says of fusion at its doors."""

    plugin: Plugin | None
    tool: ServerTool | None
    demanded: bool
    """The tool choice leaves no other way."""
    barred: bool
    """The tool choice leaves no way to it."""

    @property
    def options(self) -> dict[str, Any]:
        """The tool's go before the plugin's."""
        plugin = self.plugin.options() if self.plugin is not None else {}
        tool = self.tool.options() if self.tool is not None else {}
        return {**plugin, **tool, **({"mode": "always"} if self.demanded else {})}

    @property
    def open(self) -> bool:
        offered = self.tool is not None or (self.plugin is not None and self.plugin.enabled)
        return offered and not self.barred


def read_doors(request: ChatRequest) -> Doors | None:
    """The doors that a request comes to; None if to none.

    Raises:
        InvalidRequest: a key that means nothing, or a value that can't be; or a choice of what is not offered.
    """
    plugin, tool = _plugin(request), _server_tool(request)
    choice = request.body.tool_choice
    chosen = isinstance(choice, dict) and choice.get("type") == FUSION_TOOL
    if chosen and tool is None and plugin is None:
        raise InvalidRequest(f"'tool_choice' asks for {FUSION_TOOL!r}, which is not in 'tools'.", param="tool_choice")
    if plugin is None and tool is None:
        return None
    others = len(_own_tools(request)) > 0
    demanded = chosen or (choice == "required" and not others)
    return Doors(plugin, tool, demanded, choice == "none" or (isinstance(choice, dict) and not chosen))


def _plugin(request: ChatRequest) -> Plugin | None:
    found: Plugin | None = None
    for place, plugin in enumerate(request.body.plugins or ()):
        if plugin.get("id") == _PLUGIN:
            found = read_form(Plugin, plugin, f"plugins[{place}]")
    return found


def _server_tool(request: ChatRequest) -> ServerTool | None:
    found: ServerTool | None = None
    for place, tool in enumerate(request.body.tools or ()):
        if tool.get("type") == FUSION_TOOL:
            found = read_form(ServerTool, tool.get("parameters") or {}, f"tools[{place}].parameters")
    return found


def _own_tools(request: ChatRequest) -> list[dict[str, Any]]:
    return [tool for tool in request.body.tools or () if tool.get("type") != FUSION_TOOL]


def through_doors(model: Model, request: ChatRequest, fusion: Fusion, roster: Roster) -> Model:
    """The model that answers a request to `model`: itself, or with a panel at its side if the request asks for one.

    Raises:
        InvalidRequest: see `read_doors`; or a fusion is to sit on the panel.
    """
    doors = read_doors(request)
    if doors is None:
        return model
    for name in doors.options.get("panel") or ():
        seat = name if isinstance(name, str) else name["model"]
        if isinstance(roster.resolve(seat), Fusion):
            raise InvalidRequest(f"{seat} is a fusion, and can't sit on a panel itself.", param="analysis_models")
    return Doored(model, doors, fusion)


class Doored:
    """A model as it answers a request that came to a fusion's doors."""

    def __init__(self, model: Model, doors: Doors, fusion: Fusion) -> None:
        self.id = model.id
        self.model = model
        self.doors = doors
        self._fusion = fusion

    @property
    def fusion(self) -> Fusion | None:
        """What may deliberate; None if nothing does."""
        if isinstance(self.model, Fusion):
            return self.model
        return self._fusion if self.doors.open else None

    def answer(self, request: ChatRequest, call: Call) -> Answer:
        """Answer as the doors say.

        Raises:
            InvalidRequest, UnknownModel: the options or the panel can't be carried out.
        """
        model, asked = self._behind(request)
        return model.answer(asked, call)

    async def quote(self, request: ChatRequest) -> Quote:
        """What the fusion would do with the request, and what that would cost; nobody is asked.

        Raises:
            InvalidRequest, UnknownModel: see `answer`; or no fusion answers it.
        """
        model, asked = self._behind(request)
        if not isinstance(model, Fusion):
            raise InvalidRequest(f"{self.id!r} answers this alone: there is no plan to explain.", param="model")
        return await model.quote(asked)

    def _behind(self, request: ChatRequest) -> tuple[Model, ChatRequest]:
        """Who answers, and the request as it has it."""
        plain, options, own = _without_doors(request, self.doors), self.doors.options, _own_options(request)
        if isinstance(self.model, Fusion):
            named = {"synthesizer": options["judge"]} if "judge" in options else {}
            return self.model, plain.replace(fusion={**named, **options, **own})
        if not self.doors.open or (request.body.n or 1) > 1:
            return self.model, plain.replace(fusion=None)
        roles = {"judge": request.model, "synthesizer": request.model, "mode": "tool"}
        return self._fusion, plain.replace(fusion={**roles, **options, **own})


def _own_options(request: ChatRequest) -> dict[str, Any]:
    """The request's own, with what its preset stands for: that counts over the doors' as well."""
    given = request.body.fusion or {}
    return with_preset(given, where="fusion", error=lambda said: InvalidRequest(said, param="fusion"))


def _without_doors(request: ChatRequest, doors: Doors) -> ChatRequest:
    """The request as one model has it: the caller's own tools, other plugins, and a choice among what is left."""
    tools = _own_tools(request)
    plugins = [each for each in request.body.plugins or () if each.get("id") != _PLUGIN]
    choice = request.body.tool_choice
    if not tools or doors.demanded:
        choice = None
    changes: dict[str, Any] = {"tools": tools or None, "plugins": plugins or None, "tool_choice": choice}
    if not tools:
        changes["parallel_tool_calls"] = None
    return request.replace(**changes)
