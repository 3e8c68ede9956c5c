"""The `openrouter:fusion` output item: a deliberation's events as OpenRouter's, and in the end who said what.

Format: `OutputFusionServerToolItem` and `FusionCall*Event` of OpenRouter's OpenAPI document. The panel's events carry
our `seat` besides, since a model may sit there twice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.api.responses.items import Event, added, done
from tritium.errors import AllSeatsFailed, TritiumError

_STOPPED = "the panel stopped waiting"


class FusionItem:
    """One run as an output item."""

    def __init__(self, item_id: str, plan: dict[str, Any], *, error_name: str) -> None:
        """`plan` is the deliberation's first event, `error_name` what a seat's error is called in its event."""
        self.item: dict[str, Any] = {"type": "openrouter:fusion", "id": item_id, "status": "in_progress"}
        self.closed = False
        self._error_name = error_name
        self._index = 0
        self._models: list[str] = [seat["model"] for seat in plan["seats"]]
        self._answers: dict[int, str] = {}
        self._failures: dict[int, dict[str, Any]] = {}

    def open(self, index: int) -> list[Event]:
        self._index = index
        return [added(index, self.item), self._event("in_progress")]

    def hear(self, event: dict[str, Any]) -> list[Event]:
        """What the deliberation's next event tells a client."""
        kind = event["type"]
        if self.closed:
            return []
        if kind == "seat.started":
            return [self._seat_event("panel.added", event)]
        if kind == "seat.delta":
            return [self._seat_event("panel.delta", event, delta=event["text"])]
        if kind == "seat.ended":
            return [self._seat_ended(event)]
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

    def fail(self, error: TritiumError) -> list[Event]:
        """The run came to nothing."""
        if self.closed:
            return []
        if isinstance(error, AllSeatsFailed):
            self._note_failures(error.metadata.get("seats") or [])
        self.item["error"] = error.message
        self.item["failure_reason"] = _reason(error)
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


def _reason(error: TritiumError) -> str:
    """OpenRouter's `failure_reason`: what a caller can do something about comes first."""
    if not isinstance(error, AllSeatsFailed):
        return "unexpected_error"
    codes = {seat.get("status_code") for seat in error.metadata.get("seats") or ()}
    if 402 in codes:
        return "insufficient_credits"
    return "rate_limited" if 429 in codes else "all_panels_failed"


# ---------------------------------------------------------------- the analysis


def analysis_object(document: dict[str, Any]) -> dict[str, Any]:
    """A judge's analysis in OpenRouter's shape to the letter; what a judge wrote in another one is kept as text."""
    return {
        "consensus": [_as_text(each) for each in document.get("consensus") or ()],
        "contradictions": [_contradiction(each) for each in document.get("contradictions") or ()],
        "partial_coverage": [_coverage(each) for each in document.get("partial_coverage") or ()],
        "unique_insights": [_insight(each) for each in document.get("unique_insights") or ()],
        "blind_spots": [_as_text(each) for each in document.get("blind_spots") or ()],
    }


def _contradiction(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "topic" not in entry:
        return {"topic": _as_text(entry), "stances": []}
    stances = [each for each in _as_list(entry.get("stances")) if isinstance(each, dict)]
    named = [{"model": _as_text(each.get("model")), "stance": _as_text(each.get("stance"))} for each in stances]
    return {"topic": _as_text(entry["topic"]), "stances": named}


def _coverage(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "point" not in entry:
        return {"models": [], "point": _as_text(entry)}
    return {"models": [_as_text(each) for each in _as_list(entry.get("models"))], "point": _as_text(entry["point"])}


def _insight(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "insight" not in entry:
        return {"model": "", "insight": _as_text(entry)}
    return {"model": _as_text(entry.get("model")), "insight": _as_text(entry["insight"])}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
