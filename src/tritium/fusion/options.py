"""How a fusion is set: in the config file, by OpenRouter's plugin, or in a request's own `fusion` field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tritium.chat import ChatRequest
from tritium.closed import closed
from tritium.errors import InvalidRequest

MAX_SEATS = 8

Strategy = Literal["auto", "single", "vote", "consensus", "synthesize", "self"]
Positive = Annotated[float, Meta(gt=0)]


class Seat(Struct, frozen=True, forbid_unknown_fields=True):
    """A place on the panel: any model, with settings of its own."""

    model: str
    count: Annotated[int, Meta(ge=1, le=MAX_SEATS)] = 1
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None


class FusionOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a fusion that can be chosen; what isn't, is decided by the plan and written into the run."""

    panel: list[str | Seat] | None = None
    """Who answers; by default whoever is reachable and good."""
    judge: str | None = None
    synthesizer: str | None = None
    strategy: Strategy = "auto"
    samples: Annotated[int, Meta(ge=2, le=MAX_SEATS)] = 3
    """Seats of a `self` fusion."""
    quorum: Annotated[int, Meta(ge=1, le=MAX_SEATS)] | None = None
    """Answers to wait for before grace begins; by default two of three."""
    grace_seconds: Annotated[float, Meta(ge=0)] | None = None
    """How long the others get after the quorum; by default the larger of 1 s and half the time taken so far."""
    seat_timeout_seconds: Positive = 120.0
    deadline_seconds: Positive = 300.0
    """For the panel as a whole; whoever has answered by then is heard."""
    judge_timeout_seconds: Positive = 120.0
    max_concurrency: Annotated[int, Meta(ge=1)] | None = None
    max_cost_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """Checked against the worst case before each stage; stages are left out rather than the request refused."""
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Output tokens per seat where neither the seat nor the caller says."""
    events: bool = False
    """Send progress along with the stream."""
    seed: int | None = None
    """Of the order in which the judge sees the candidates; random unless given, and kept in the run."""
    enabled: bool = True

    def seats(self) -> list[Seat]:
        """The panel with counts written out.

        Raises:
            InvalidRequest: more than `MAX_SEATS`.
        """
        given = [each if isinstance(each, Seat) else Seat(each) for each in self.panel or ()]
        seats = [replace(seat, count=1) for seat in given for _ in range(seat.count)]
        if len(seats) > MAX_SEATS:
            raise InvalidRequest(f"A panel has at most {MAX_SEATS} seats; this one has {len(seats)}.", param="fusion")
        return seats


def configured(data: dict[str, Any], *, where: str, error: Any) -> FusionOptions:
    """Options from the config file."""
    return closed(FusionOptions, data, where=where, error=error)


def requested(base: FusionOptions, request: ChatRequest) -> FusionOptions:
    """The model's own options with what this request asks for laid over them.

    OpenRouter's plugin entry is read first (`analysis_models`, `model`), then our own `fusion` field.

    Raises:
        InvalidRequest: a key that means nothing, or a value that can't be.
    """
    body = request.body
    merged = msgspec.to_builtins(base)
    for plugin in body.plugins or ():
        if plugin.get("id") == "fusion":
            merged |= _from_plugin(plugin)
    if body.fusion is not None:
        merged |= body.fusion
    return closed(FusionOptions, merged, where="fusion", error=lambda message: InvalidRequest(message, param="fusion"))


_PLUGIN_KEYS = {"id", "enabled", "preset", "analysis_models", "model", "max_tool_calls", "tools"}


def _from_plugin(plugin: dict[str, Any]) -> dict[str, Any]:
    """OpenRouter's fusion plugin in our words; web tools are off here, so their settings are read and not used."""
    unknown = set(plugin) - _PLUGIN_KEYS
    if unknown:
        known = ", ".join(sorted(_PLUGIN_KEYS))
        raise InvalidRequest(f"The fusion plugin has no key {min(unknown)!r}; it has {known}.", param="plugins")
    found: dict[str, Any] = {}
    if plugin.get("analysis_models"):
        found["panel"] = plugin["analysis_models"]
    if plugin.get("model"):
        found["judge"] = found["synthesizer"] = plugin["model"]
    if plugin.get("enabled") is False:
        found["enabled"] = False
    return found
