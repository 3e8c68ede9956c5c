"""What a panel found, in OpenRouter's shapes to the letter: the analysis, and the result of its fusion tool.

Format: `FusionAnalysisResult` of OpenRouter's OpenAPI document, and the tool result that its guide to the server tool
describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tritium.errors import AllSeatsFailed, TritiumError
from tritium.fusion.fence import visible
from tritium.fusion.run import SeatReport

_STOPPED = "the panel stopped waiting"


def analysis_object(document: dict[str, Any]) -> dict[str, Any]:
    """A judge's analysis; what a judge wrote in another shape is kept as text."""
    return {
        "consensus": [_as_text(each) for each in document.get("consensus") or ()],
        "contradictions": [_contradiction(each) for each in document.get("contradictions") or ()],
        "partial_coverage": [_coverage(each) for each in document.get("partial_coverage") or ()],
        "unique_insights": [_insight(each) for each in document.get("unique_insights") or ()],
        "blind_spots": [_as_text(each) for each in document.get("blind_spots") or ()],
    }


def tool_result(seats: Sequence[SeatReport], analysis: dict[str, Any] | None) -> dict[str, Any]:
    """What the tool returns of a panel of whom somebody answered."""
    result: dict[str, Any] = {"status": "ok"}
    if analysis is not None:
        result["analysis"] = analysis_object(analysis)
    result["responses"] = [
        {"model": seat.model, "content": visible(seat.text)} for seat in seats if seat.outcome == "ok"
    ]
    failed = [_failure(seat) for seat in seats if seat.outcome != "ok"]
    return {**result, "failed_models": failed} if failed else result


def tool_error(error: TritiumError) -> dict[str, Any]:
    """What it returns of a panel that came to nothing."""
    return {"status": "error", "error": error.message, "failure_reason": failure_reason(error)}


def failure_reason(error: TritiumError) -> str:
    """OpenRouter's `failure_reason`: what a caller can do something about comes first."""
    if not isinstance(error, AllSeatsFailed):
        return "unexpected_error"
    codes = {seat.get("status_code") for seat in error.metadata.get("seats") or ()}
    if 402 in codes:
        return "insufficient_credits"
    return "rate_limited" if 429 in codes else "all_panels_failed"


def _failure(seat: SeatReport) -> dict[str, Any]:
    failure: dict[str, Any] = {"model": seat.model, "error": seat.error or _STOPPED}
    return failure if seat.status_code is None else {**failure, "status_code": seat.status_code}


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
