"""The `openrouter:fusion` output item: a deliberation's events as OpenRouter's, and in the end who said what.

Format: `OutputFusionServerToolItem` and `FusionCall*Event` of OpenRouter's OpenAPI document. The panel's events carry
our `seat` besides, since a model may sit there twice.
"""

from __future__ import annotations

from typing import Any

from tritium.api.responses.items import Event, added, done
from tritium.errors import AllSeatsFailed, TritiumError
from tritium.fusion.analysis import analysis_object, failure_reason

_STOPPED = "the panel stopped waiting"


class FusionItem:
    """One run as an output item."""

    def __init__(self, item_id: str, plan: dict[str, Any], *, error_name: str) -> None:
        """`plan` is the deliberation's first event, `error_name` what a seat's error is called in its event."""
        self.item: dict[str, Any] = {"type": "openrouter:fusion", "id": item_id, "status": "in_progress"}
        self.closed = False
        self._error_name = error_name
        self._index = 0
        self._models: dict[int, str] = {seat["seat"]: seat["model"] for seat in plan["seats"]}
        self._answers: dict[int, str] = {}
        self._failures: dict[int, dict[str, Any]] = {}

    def open(self, index: int) -> list[Event]:
        self._index = index
        return [added(index, self.item), self._event("in_progress")]

    def hear(self, event: dict[str, Any]) -> list[Event]:
        """What the deliberation's next event tells a client."""
        if self.closed:
            return []
        kind = event["type"]
        if kind.startswith("seat."):
            return self._hear_seat(kind, event)
        if kind == "panel.failed":
            return self._failed(event["error"], event["failure_reason"], event["seats"])
        if kind == "panel.ended":
            self._note_failures(event["seats"])
        elif kind == "judge.started":
            return [self._event("analysis.in_progress", analyst_model=event["model"], judge_model=event["model"])]
        elif kind == "analysis":
            self.item["analysis"] = analysis_object(event["analysis"])
            return [self._event("analysis.completed", analysis=self.item["analysis"])]
        elif kind == "decision":
            return [self._event("completed"), self._close("completed")]
        return []

    def _hear_seat(self, kind: str, event: dict[str, Any]) -> list[Event]:
        if kind == "seat.started":
            self._models[event["seat"]] = event["model"]  # it may stand in for another, and be new
            return [self._seat_event("panel.added", event)]
        if kind == "seat.delta":
            return [self._seat_event("panel.delta", event, delta=event["text"])]
        if kind == "seat.reasoning":
            return [self._seat_event("panel.reasoning.delta", event, delta=event["text"])]
        return [self._seat_ended(event)] if kind == "seat.ended" else []

    def fail(self, error: TritiumError) -> list[Event]:
        """The run came to nothing."""
        seats = error.metadata.get("seats") if isinstance(error, AllSeatsFailed) else None
        return self._failed(error.message, failure_reason(error), seats or [])

    def _failed(self, error: str, reason: str, seats: list[dict[str, Any]]) -> list[Event]:
        if self.closed:
            return []
        self._note_failures(seats)
        self.item["error"] = error
        self.item["failure_reason"] = reason
        return [self._close("incomplete")]

    def _seat_ended(self, event: dict[str, Any]) -> Event:
        if event["outcome"] == "ok":
            self._answers[event["seat"]] = event["text"]
            return self._seat_event("panel.completed", event, content=event["text"])
        self._note_failures([event])
        failure = self._failures[event["seat"]]
        code = {"status_code": failure["status_code"]} if "status_code" in failure else {}
        return self._seat_event("panel.failed", event, **{self._error_name: failure["error"]}, **code)

    def _note_failures(self, seats: list[dict[str, Any]]) -> None:
        """Why seats gave no answer; what is known later is known better."""
        for seat in seats:
            if seat.get("outcome") != "ok":
                failure = {"model": seat["model"], "error": seat.get("error") or _STOPPED}
                if isinstance(seat.get("status_code"), int):
                    failure["status_code"] = seat["status_code"]
                self._failures[seat["seat"]] = failure

    def _close(self, status: str) -> Event:
        self.closed = True
        self.item["status"] = status
        self.item["responses"] = [
            {"model": self._models[seat], "content": text} for seat, text in sorted(self._answers.items())
        ]
        if self._failures:
            self.item["failed_models"] = [failure for _, failure in sorted(self._failures.items())]
        return done(self._index, self.item)

    def _seat_event(self, what: str, event: dict[str, Any], **fields: Any) -> Event:
        return self._event(what, model=self._models[event["seat"]], seat=event["seat"], **fields)

    def _event(self, what: str, **fields: Any) -> Event:
        place = {"output_index": self._index, "item_id": self.item["id"]}
        return {"type": f"response.fusion_call.{what}", **place, **fields}
