"""What OpenRouter's clients write to have a fusion: an entry of `plugins`, and the parameters of a server tool.

Format: `FusionPlugin` and `FusionServerToolConfig` of OpenRouter's OpenAPI document; `mode` is ours. A key that means
nothing is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct

from tritium.closed import closed
from tritium.errors import InvalidRequest
from tritium.fusion.presets import with_preset

FUSION_TOOL = "openrouter:fusion"
MOST_MODELS = 8

Mode = Literal["always", "tool", "auto"]
Panel = Annotated[list[str], Meta(min_length=1, max_length=MOST_MODELS)]
Steps = Annotated[int, Meta(ge=1, le=16)]
WebTools = Annotated[list[dict[str, Any]], Meta(max_length=8)]


class Plugin(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `plugins`. Web tools are off here: `tools` and `max_tool_calls` are read and not used."""

    id: Literal["fusion"]
    enabled: bool = True
    mode: Mode | None = None
    preset: str | None = None
    analysis_models: Panel | None = None
    model: str | None = None
    max_tool_calls: Steps | None = None
    tools: WebTools | None = None

    def options(self) -> dict[str, Any]:
        given = {"preset": self.preset} if self.preset is not None else {}
        found = with_preset(given, where="the fusion plugin", error=lambda said: InvalidRequest(said, param="plugins"))
        named = {"panel": self.analysis_models, "judge": self.model, "mode": self.mode}
        return {**found, **_given(named), **({} if self.enabled else {"enabled": False})}


class ServerTool(Struct, frozen=True, forbid_unknown_fields=True):
    """The `parameters` of the tool.

    `temperature` holds for the panel that is named; `reasoning` is the request's own for everybody; the web tools and
    `cache_control` are read and not used.
    """

    analysis_models: Panel | None = None
    model: str | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    reasoning: dict[str, Any] | None = None
    max_tool_calls: Steps | None = None
    tools: WebTools | None = None
    cache_control: dict[str, Any] | None = None

    def options(self) -> dict[str, Any]:
        seats = [self._seat(model) for model in self.analysis_models or ()]
        return _given({"panel": seats or None, "judge": self.model, "max_tokens": self.max_completion_tokens})

    def _seat(self, model: str) -> dict[str, Any]:
        return _given({"model": model, "temperature": self.temperature, "max_tokens": self.max_completion_tokens})


Form = TypeVar("Form", Plugin, ServerTool)


def read_form(kind: type[Form], given: dict[str, Any], where: str) -> Form:
    """Read one of them.

    Raises:
        InvalidRequest: a key that means nothing, or a value that can't be; `where` is its place in the request.
    """
    return closed(kind, given, where=where, error=lambda message: InvalidRequest(message, param=where))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
