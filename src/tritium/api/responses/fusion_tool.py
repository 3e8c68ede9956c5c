"""OpenRouter's fusion server tool, on any model: that model writes, the tool's models are its panel.

OpenRouter's outer model decides whether to call the tool. Here the panel is always asked, unless the request also
brings functions: those go to one model, so the model that was named answers alone, as it may at OpenRouter.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from tritium.catalog.catalog import Catalog
from tritium.chat import ChatRequest
from tritium.closed import closed
from tritium.errors import InvalidRequest
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import MAX_SEATS

FUSION_TOOL = "openrouter:fusion"
_FUSION = "tritium/fusion"


class FusionParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """OpenRouter's `FusionServerToolConfig`.

    `temperature` holds for the panel that is named; `reasoning` is the request's own for everybody; the web tools and
    `cache_control` are read and not used.
    """

    analysis_models: Annotated[list[str], Meta(min_length=1, max_length=MAX_SEATS)] | None = None
    model: str | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    reasoning: dict[str, Any] | None = None
    max_tool_calls: Annotated[int, Meta(ge=1, le=16)] | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=8)] | None = None
    cache_control: dict[str, Any] | None = None

    def options(self, writer: str | None) -> dict[str, Any]:
        """As options of a fusion; `writer` is the model that the request names, None where that is a fusion itself."""
        seats = [self._seat(model) for model in self.analysis_models or ()]
        found = {
            "panel": seats or None,
            "judge": self.model or writer,
            "synthesizer": writer or self.model,
            "max_tokens": self.max_completion_tokens,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _seat(self, model: str) -> dict[str, Any]:
        seat = {"model": model, "temperature": self.temperature, "max_tokens": self.max_completion_tokens}
        return {name: value for name, value in seat.items() if value is not None}


def read_fusion_tool(tool: dict[str, Any], where: str) -> FusionParameters:
    """The tool's parameters.

    Raises:
        InvalidRequest: a key that means nothing, or a value that can't be.
    """
    place = f"{where}.parameters"
    return closed(
        FusionParameters,
        tool.get("parameters") or {},
        where=place,
        error=lambda message: InvalidRequest(message, param=place),
    )


def with_panel(
    request: ChatRequest, tool: FusionParameters, max_cost_usd: float | None, catalog: Catalog
) -> ChatRequest:
    """The request with a panel behind the model that it names; its own `fusion` field has the last word.

    Raises:
        UnknownModel: nobody goes by that name.
    """
    request = catalog.prepared(request)
    own = request.body.fusion or {}
    limit = {} if max_cost_usd is None else {"max_cost_usd": max_cost_usd}
    if isinstance(catalog.resolve(request.model), Fusion):
        return request.replace(fusion={**tool.options(None), **limit, **own})
    if request.body.tools:
        return request
    return request.replace(model=_FUSION, fusion={**tool.options(request.model), **limit, **own})
