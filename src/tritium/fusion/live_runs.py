"""The runs under way in this process: to be looked at, watched from the beginning, and let go on without a client.

Invariant: a run is here from its first step to its last, and nothing stays when it has ended. What a watcher is shown
is read from the run itself: beside it only its milestones are kept, so that a run costs little more for being watched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tritium.chat import Chunk
from tritium.fusion.run import Run
from tritium.model import Call

MOST_THOUGHTS = 100_000
"""Characters of a seat's reasoning kept for those who come later; it is told while it is thought, and not stored."""

SPELLED_OUT = frozenset(("seat.delta", "seat.reasoning"))
"""Events of the pieces of what seats say: many, and all of it is in `seat.ended`."""

Journal = Callable[[str, float, str, bytes], None]
"""Told of each run that begins: id, Unix seconds, model, document."""


@dataclass
class Place:
    """How far a watcher has come; its text is the `id` of a server-sent event."""

    milestones: int = 0
    answer: int = 0
    """Characters."""
    seats: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By seat: characters of its answer, pieces of its reasoning."""

    @classmethod
    def read(cls, text: str | None) -> Place:
        """What a client gives back; the beginning where it gives none, or something that is none of ours."""
        try:
            head, *seats = [[int(number) for number in part.split(".")] for part in (text or "0.0").split("-")]
            milestones, answer = head
            return cls(milestones, answer, {seat: (said, thought) for seat, said, thought in seats})
        except ValueError:
            return cls()

    def __str__(self) -> str:
        seats = [f"{seat}.{said}.{thought}" for seat, (said, thought) in sorted(self.seats.items())]
        return "-".join([f"{self.milestones}.{self.answer}", *seats])


class LiveRun:
    """One run under way."""

    def __init__(self, run: Run, caller: str) -> None:
        self.run = run
        self.caller = caller
        self.ended = False
        self._began = time.perf_counter()
        self._milestones: list[dict[str, Any]] = []
        self._thoughts: dict[int, list[str]] = {}
        self._thought: dict[int, int] = {}
        self._watchers: set[asyncio.Event] = set()

    def hear(self, chunk: Chunk) -> None:
        """Take note of what the run says."""
        event = chunk.event
        if event is not None and event["type"] not in SPELLED_OUT:
            self._milestones.append(event)
        elif event is not None and event["type"] == "seat.reasoning":
            self._think(event["seat"], event["text"])
        for watcher in self._watchers:
            watcher.set()

    def end(self) -> None:
        self.ended = True
        for watcher in self._watchers:
            watcher.set()

    def document(self) -> bytes:
        """The run as far as it has come."""
        return msgspec.json.encode(self.run)

    async def events(self, place: Place) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """What happened since that place, then what happens, until the run has ended; each with the place after it.

        Text that came in many pieces is told in one. A slow watcher gets larger pieces, and holds up nobody.
        """
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                ended = self.ended
                for event in self._news(place):
                    yield str(place), event
                if ended:
                    return
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _think(self, seat: int, text: str) -> None:
        kept = self._thought.get(seat, 0)
        if kept < MOST_THOUGHTS:
            self._thought[seat] = kept + len(text)
            self._thoughts.setdefault(seat, []).append(text)

    def _news(self, place: Place) -> Iterator[dict[str, Any]]:
        while place.milestones < len(self._milestones):
            event = self._milestones[place.milestones]
            if event["type"] == "seat.ended":
                yield from self._said(event["seat"], place)
            place.milestones += 1
            yield event
        for report in self.run.seats:
            yield from self._said(report.seat, place)
        answer = self.run.answer
        if place.answer < len(answer):
            text, place.answer = answer[place.answer :], len(answer)
            yield self._event("answer.delta", text=text)

    def _said(self, seat: int, place: Place) -> Iterator[dict[str, Any]]:
        said, thought = place.seats.get(seat, (0, 0))
        thoughts = self._thoughts.get(seat, [])
        if thought < len(thoughts):
            new, thought = "".join(thoughts[thought:]), len(thoughts)
            place.seats[seat] = (said, thought)
            yield self._event("seat.reasoning", seat=seat, text=new)
        text = next((each.text for each in self.run.seats if each.seat == seat), "")
        if said < len(text):
            place.seats[seat] = (len(text), thought)
            yield self._event("seat.delta", seat=seat, text=text[said:])

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        at_ms = round((time.perf_counter() - self._began) * 1e3, 1)
        return {"type": kind, "run": self.run.id, "at_ms": at_ms, **fields}


class LiveRuns:
    """All of them, and those that go on though their client has left."""

    def __init__(
        self, *, most_detached: int = 100, detached_seconds: float = 600.0, journal: Journal | None = None
    ) -> None:
        """At most `most_detached` go on, each for at most `detached_seconds`."""
        self._most_detached = most_detached
        self._detached_seconds = detached_seconds
        self._journal = journal
        self._runs: dict[str, LiveRun] = {}
        self._detached: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def detached(self) -> int:
        """How many go on without a client."""
        return len(self._detached)

    def begin(self, run: Run, call: Call) -> LiveRun:
        found = self._runs[run.id] = LiveRun(run, call.caller)
        if self._journal is not None:
            self._journal(run.id, run.created, run.model, found.document())
        return found

    def end(self, live: LiveRun) -> None:
        self._runs.pop(live.run.id, None)
        live.end()

    def find(self, run_id: str) -> LiveRun | None:
        return self._runs.get(run_id)

    def detach(self, task: asyncio.Task[None]) -> bool:
        """Let a run's task go on; false if there are too many already, or the gateway is closing."""
        if self._closed or len(self._detached) >= self._most_detached:
            return False
        self._detached.add(task)
        # A seat, a judge or a writer each has its time; this is for the run that has many of them.
        limit = asyncio.get_running_loop().call_later(self._detached_seconds, task.cancel)

        def over(done: asyncio.Task[None]) -> None:
            limit.cancel()
            self._detached.discard(done)
            if not done.cancelled():
                done.exception()  # the run says what happened, and nobody else waits for it

        task.add_done_callback(over)
        return True

    async def close(self, patience_seconds: float) -> None:
        """Wait for those that go on, then cut them short; each has been settled and saved when this returns."""
        self._closed = True
        if self._detached:
            await asyncio.wait(self._detached, timeout=patience_seconds)
        while self._detached:
            for task in self._detached:
                task.cancel()
            await asyncio.wait(self._detached)
