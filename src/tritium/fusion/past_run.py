"""A run that is over, asked again: the request that replays it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.fusion.options import MAX_SEATS, FusionOptions, configured
from tritium.fusion.run import Run, SeatReport

_OF_ITS_OWN_TIME = frozenset(
    (
        "preset",
        "mode",
        "panel",
        "bench",
        "escalate",
        "layers",
        "quorum",
        "events",
        "on_disconnect",
        "seat_cache",
        "seat_cache_seconds",
        "dry_run",
    )
)
"""Options of the past run that say nothing of how its answers are to be decided on."""

_OF_A_SEAT = ("weight", "accuracy")


def replay_request(past: Run, wish: Mapping[str, Any]) -> ChatRequest:
    """The past run's question, its options with those wished for laid over them, and its seats that answered as panel.

    Raises:
        InvalidRequest: nobody answered in that run, or the wish can't be fulfilled.
    """
    options = dict(wish)
    model, stream = options.pop("model", past.model), options.pop("stream", None)
    for name in ("panel", "bench"):
        if name in options:
            raise InvalidRequest(
                f"A replay uses the answers of the run's own seats, and takes no {name!r}. Ask anew for other ones.",
                param=name,
            )
    if options.get("dry_run"):
        raise InvalidRequest("A replay has no quote: its seats cost nothing. Leave 'dry_run' out.", param="dry_run")
    panel = _panel(past)
    if not panel:
        raise InvalidRequest(f"No seat answered in the run {past.id!r}: there is nothing to replay.", param="id")
    kept = {name: value for name, value in past.options.items() if name not in _OF_ITS_OWN_TIME}
    return ChatRequest.build(
        model,
        msgspec.json.decode(past.request, type=list[dict[str, Any]]),
        stream=stream,
        **past.parameters,
        fusion={**_arbiters(past), **kept, **options, "panel": panel, "bench": []},
    )


def _arbiters(past: Run) -> dict[str, str]:
    """Who judged and who wrote or acted: chosen among the whole panel and its bench, which a replay no longer has."""
    if past.plan.strategy == "single":
        return {}
    found = {"judge": past.plan.judge, "synthesizer": past.plan.synthesizer}
    return {name: model for name, model in found.items() if model is not None}


def heard(past: Run) -> list[SeatReport]:
    """The seats whose answers were decided on: those of the last layer."""
    answered = [seat for seat in past.seats if seat.outcome == "ok"]
    last = max((seat.layer for seat in answered), default=1)
    return [seat for seat in answered if seat.layer == last]


def _panel(past: Run) -> list[dict[str, Any]]:
    """Those who answered and were decided on, with what their votes weigh."""
    known = _given_seats(past)
    return [known.get(seat.model, {"model": seat.model}) for seat in heard(past)[:MAX_SEATS]]


def _given_seats(past: Run) -> dict[str, dict[str, Any]]:
    try:
        options: FusionOptions = configured({"panel": past.options.get("panel")}, where="run", error=InvalidRequest)
        seats = options.seats()
    except InvalidRequest:  # an option of another version's
        return {}
    weighed = {seat.model: {name: getattr(seat, name) for name in _OF_A_SEAT} for seat in seats}
    return {
        model: {"model": model, **{name: value for name, value in given.items() if value is not None}}
        for model, given in weighed.items()
    }
