"""GET /fusion/runs/{id}/events: a run from its beginning, or from where a watcher lost sight of it, to its end.

The events are those of `fusion: {events: true}` with the answer's own text among them (`answer.delta`), and at the end
the whole run. Each has an `id`: who sends it back as `Last-Event-ID` is told what came after. Watching a run neither
starts nor stops anything.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from tritium.api.exchange import cancelled_when_client_leaves
from tritium.api.records import own_run
from tritium.api.stream import EventStream
from tritium.api.visit import Visit
from tritium.errors import Conflict
from tritium.fusion.live_runs import LiveRun, Place
from tritium.fusion.screened_run import screened_run

_DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder(decimal_format="number").encode


async def run_events(visit: Visit) -> None:
    """Tell what happened and what happens.

    Raises:
        NotFound: there is no run of that id.
        Conflict: it is under way in another process.
    """
    run_id = visit.arguments["id"]
    live = visit.services.gateway.catalog.commons.live.find(run_id)
    if live is not None and visit.sees(live.caller):
        async with cancelled_when_client_leaves(visit.receive):
            await _follow(visit, live)
        return
    document = await own_run(visit, run_id)
    if msgspec.json.decode(document, type=_State).outcome == "running":
        raise Conflict(
            f"The run {run_id!r} is under way in another process of this gateway, and can only be watched there. "
            f"It can be had from /fusion/runs/{run_id} when it has ended."
        )
    async with _stream(visit) as stream:
        await stream.end(_event("end", {"type": "run", "run": run_id, "document": msgspec.Raw(document)}) + _DONE)


class _State(Struct):
    outcome: str | None = None


async def _follow(visit: Visit, live: LiveRun) -> None:
    """Where answers are screened nothing is told before the end: what comes in pieces can't be looked through."""
    screen = visit.services.gateway.screen
    place = Place.read(visit.header(b"last-event-id"))
    async with _stream(visit) as stream:
        async for at, event in live.events(place):
            if screen is None and event["type"] != "run":
                await stream.write(_event(at, event))
        document = live.run if screen is None else screened_run(live.run, screen.marked)
        await stream.end(_event("end", {"type": "run", "run": live.run.id, "document": document}) + _DONE)


def _stream(visit: Visit) -> EventStream:
    return EventStream(visit.send, (), visit.services.settings.keepalive_seconds)


def _event(at: str, event: dict[str, Any]) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (at.encode(), _encode(event))
