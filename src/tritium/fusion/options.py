"""How a fusion is set: in the config file, by OpenRouter's plugin, or in a request's own `fusion` field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tritium.chat import ChatRequest
from tritium.closed import closed
from tritium.errors import InvalidRequest
from tritium.fusion.openrouter_forms import Mode, Plugin, read_form
from tritium.fusion.presets import Preset, with_preset
from tritium.fusion.tool_policy import ToolCadence, ToolPolicy

MAX_SEATS = 8

Strategy = Literal[
    "auto", "single", "cascade", "vote", "rank", "consensus", "synthesize", "self", "field_vote", "analysis"
]
Positive = Annotated[float, Meta(gt=0)]


class Seat(Struct, frozen=True, forbid_unknown_fields=True):
    """A place on the panel: any model, with settings of its own."""

    model: str
    count: Annotated[int, Meta(ge=1, le=MAX_SEATS)] = 1
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    weight: Annotated[float, Meta(ge=0)] | None = None
    """Of its vote; who has none beside one that has weighs 1."""
    accuracy: Annotated[float, Meta(gt=0, lt=1)] | None = None
    """How often it is right in closed questions: votes weigh by it as soon as it is known of every seat."""


class FusionOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a fusion that can be chosen; what isn't, is decided by the plan and written into the run."""

    preset: Preset | None = None
    """Options that go together; whatever is said beside it counts over them."""
    panel: list[str | Seat] | None = None
    """Who answers; by default whoever is reachable and good."""
    bench: list[str | Seat] | None = None
    """Who is asked instead of a seat that fails, in this order; by default, for an automatic panel, the next best."""
    judge: str | None = None
    synthesizer: str | None = None
    mode: Mode = "always"
    """Whether a panel is asked: always, if the synthesizer calls it as a tool, or where that seems worth it."""
    strategy: Strategy = "auto"
    samples: Annotated[int, Meta(ge=2, le=MAX_SEATS)] = 3
    """Seats of a `self` fusion."""
    layers: Annotated[int, Meta(ge=1, le=3)] = 1
    """How often a panel answers before a `synthesize` writes: from the second time on with the answers before it."""
    start: Annotated[int, Meta(ge=1, le=MAX_SEATS)] = 2
    """Seats of a `cascade` that are asked at once, the cheapest of different makers; the others follow in turn."""
    agree: Annotated[int, Meta(ge=2, le=MAX_SEATS)] = 2
    """Equal answers of different makers that end a `cascade`."""
    escalate: str | None = None
    """Who is asked when a `cascade` does not agree or a `vote` is split; for a cascade the strongest, unless said."""
    majority: Annotated[float, Meta(ge=0.5, lt=1)] = 0.5
    """Share of the votes' weight that an answer must be over; less is a split vote."""
    quorum: Annotated[int, Meta(ge=1, le=MAX_SEATS)] | None = None
    """Answers to wait for before grace begins; by default two of three."""
    grace_seconds: Annotated[float, Meta(ge=0)] | None = None
    """How long the others get after the quorum; by default the larger of 1 s and half the time taken so far."""
    seat_timeout_seconds: Positive = 120.0
    deadline_seconds: Positive = 300.0
    """For the panel as a whole; whoever has answered by then is heard."""
    judge_timeout_seconds: Positive = 120.0
    judge_orders: Literal[1, 2] = 1
    """2: a selection is asked for again with the candidates the other way round, and stands if it comes again."""
    provenance: bool = False
    """Which seats support or oppose each claim of the answer, with quotes that were looked up, and who dissents."""
    tools: ToolPolicy = "advise"
    """What becomes of the caller's tools: members advise and one model acts; members vote on calls; one model; none."""
    tools_cadence: ToolCadence = "user_turns"
    """On which turns the panel has a say in it; on the others the acting model goes on alone."""
    hedge: Literal["off", "same", "bench"] = "same"
    """A seat slower than it nearly always is gets a second try: the same model once more, or the next of the bench."""
    blind_seats: Literal["leave_out", "text"] = "leave_out"
    """Seats that can't take the images or files sent along: not asked, or asked with the text alone."""
    max_seat_cost_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """What a seat of an automatic panel may be expected to cost."""
    max_seat_cost_ratio: Annotated[float, Meta(ge=1)] | None = 4.0
    """The same as a multiple of what the best of them costs."""
    max_concurrency: Annotated[int, Meta(ge=1)] | None = None
    max_cost_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    """Checked against the worst case before each stage; stages are left out rather than the request refused."""
    max_seconds: Positive | None = None
    """For the whole run: what doesn't fit any more is left out, and who is late is not waited for."""
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Of all calls of the run together, checked as `max_cost_usd` is."""
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Output tokens per seat where neither the seat nor the caller says."""
    events: bool = False
    """Send progress along with the stream."""
    on_disconnect: Literal["cancel", "continue"] = "cancel"
    """What becomes of the run when its client leaves: everything under way is cancelled, or it goes on to its end."""
    seat_cache: Literal["off", "on"] = "off"
    """Whether seats' answers are kept, and given again to the same caller's same question at no cost."""
    seat_cache_seconds: Positive = 3600.0
    """How long they are kept."""
    seed: int | None = None
    """Of the order in which the judge sees the candidates; random unless given, and kept in the run."""
    enabled: bool = True
    dry_run: bool = False
    """Answer with the plan and what it would cost, and ask nobody."""

    def chosen(self) -> dict[str, Any]:
        """The options that differ from the defaults, as JSON has them."""
        names, defaults = self.__struct_fields__, self.__struct_defaults__
        given = [(name, getattr(self, name)) for name in names]
        return {
            name: msgspec.to_builtins(value)
            for (name, value), default in zip(given, defaults, strict=True)
            if value != default
        }

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


def configured(*layers: dict[str, Any], where: str, error: Any) -> FusionOptions:
    """Options from the config file, each layer over the one before, with what their presets stand for."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= with_preset(layer, where=where, error=error)
    return closed(FusionOptions, merged, where=where, error=error)


def requested(base: FusionOptions, request: ChatRequest) -> FusionOptions:
    """The model's own options with what this request asks for laid over them.

    OpenRouter's plugin entry is read first (`analysis_models`, `model`), then our own `fusion` field.

    Raises:
        InvalidRequest: a key that means nothing, or a value that can't be.
    """
    body = request.body
    merged = msgspec.to_builtins(base)
    for place, plugin in enumerate(body.plugins or ()):
        if plugin.get("id") == "fusion":
            said = read_form(Plugin, plugin, f"plugins[{place}]").options()
            merged |= {"synthesizer": said["judge"], **said} if "judge" in said else said
    if body.fusion is not None:
        merged |= with_preset(body.fusion, where="fusion", error=_refused)
    return closed(FusionOptions, merged, where="fusion", error=_refused)


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="fusion")
