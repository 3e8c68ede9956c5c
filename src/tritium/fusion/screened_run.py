"""A fusion's run where answers are screened: neither kept nor told with what was kept from its caller.

A seat's answer, the votes and the analysis hold what the answer was made of, so all of them are screened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tritium.fusion.run import Run
from tritium.model import Generation, Recorder

_WORDS = frozenset(("answer", "analysis", "text", "error", "reason", "votes", "warnings", "provenance", "dissent"))
"""Keys of a run's document under which is what models said; the caller's own words are under `request`."""

Marked = Callable[[Any], Any]
"""JSON with marks in the place of what must not pass."""


class ScreenedRuns:
    """A recorder that has runs kept as they may be read."""

    def __init__(self, recorder: Recorder, marked: Marked) -> None:
        self._recorder = recorder
        self._marked = marked

    def generation(self, row: Generation) -> None:
        self._recorder.generation(row)

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        self._recorder.run(run_id, created_at, model, _screened(document, self._marked))


def screened_run(run: Run, marked: Marked) -> Run:
    """The run as it may be told."""
    return msgspec.json.decode(_screened(msgspec.json.encode(run), marked), type=Run)


def so_far(run: Run, screen: object | None) -> bytes:
    """A run under way, as it may be told: where answers are screened without a word, as any may yet be half of one."""
    document = msgspec.json.encode(run)
    return _screened(document, lambda _: None) if screen is not None and run.outcome == "running" else document


def _screened(document: bytes, marked: Marked) -> bytes:
    fields: dict[str, Any] = msgspec.json.decode(document)
    request = fields.pop("request", None)
    screened = _walk(fields, marked)
    return msgspec.json.encode({**screened, "request": request})


def _walk(value: Any, marked: Marked) -> Any:
    if isinstance(value, list):
        return [_walk(each, marked) for each in value]
    if isinstance(value, dict):
        return {name: marked(each) if name in _WORDS else _walk(each, marked) for name, each in value.items()}
    return value
