"""What was written down, read back: GET /generation, GET /fusion/runs, GET /fusion/runs/{id}."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from tritium.api.completion import dollars
from tritium.api.visit import Visit
from tritium.errors import InvalidRequest, NotFound
from tritium.fusion.screened_run import so_far
from tritium.ledger.prices import total
from tritium.ledger.runs import RunFilter, RunSummary
from tritium.model import Generation

NOBODY = ""
"""A caller that nobody is: whoever sees what it recorded sees everything."""


async def generation(visit: Visit) -> None:
    """OpenRouter's generation object; for a fused answer the sum over its calls, or one of them by its own id.

    Raises:
        InvalidRequest: no id was given.
        NotFound: nothing was written under it.
    """
    wanted = visit.query("id")
    if wanted is None:
        raise InvalidRequest("Say which generation: /generation?id=gen-...", param="id")
    rows = [row for row in await visit.services.records.generations(wanted) if visit.sees(row.caller)]
    if not rows:
        raise NotFound(f"There is no generation {wanted!r}.", param="id")
    await visit.json({"data": _generation_object(wanted, rows)})


def _generation_object(wanted: str, rows: list[Generation]) -> dict[str, Any]:
    """What isn't measured, or doesn't exist here, is null."""
    fused = any(row.role in _OF_A_FUSION for row in rows)
    final = [row for row in rows if row.role not in _OF_A_FUSION or row.role == "synthesizer"] or rows
    head = next((row for row in reversed(final) if row.outcome == "ok"), final[0])  # others were passed over
    cost = dollars(total([row.cost_nanodollars for row in rows]))
    began = min(row.created_at for row in rows)
    ended = max(row.created_at + row.latency_ms / 1e3 for row in rows)
    return {
        "id": wanted,
        "request_id": head.request_id,
        "model": head.model,
        "router": "openrouter/fusion" if fused else None,
        "provider_name": head.provider,
        "api_type": {"embedding": "embeddings", "rerank": "rerank"}.get(head.role, "completions"),
        "created_at": datetime.fromtimestamp(began, UTC).isoformat().replace("+00:00", "Z"),
        "streamed": head.streamed,
        "cancelled": any(row.outcome == "cancelled" for row in rows) if not fused else head.outcome == "cancelled",
        "finish_reason": head.finish_reason,
        "latency": head.first_token_ms,
        "generation_time": round((ended - began) * 1e3, 3),
        "tokens_prompt": sum(row.usage.input for row in rows),
        "tokens_completion": sum(row.usage.output for row in rows),
        "native_tokens_prompt": sum(row.usage.input for row in rows),
        "native_tokens_completion": sum(row.usage.output for row in rows),
        "native_tokens_reasoning": sum(row.usage.reasoning for row in rows),
        "native_tokens_cached": sum(row.usage.cache_read for row in rows),
        "total_cost": cost,
        "usage": cost,
        "upstream_inference_cost": cost,
        "is_byok": True,
        "provider_responses": [_response_object(row) for row in rows],
        **_UNKNOWN,
        "calls": [_call_object(row) for row in rows],
    }


_OF_A_FUSION = ("seat", "judge", "synthesizer", "repair")
_UNKNOWN: dict[str, Any] = {
    "app_id": None,
    "cache_discount": None,
    "data_region": "global",
    "external_user": None,
    "http_referer": None,
    "moderation_latency": None,
    "native_finish_reason": None,
    "native_tokens_completion_images": None,
    "num_fetches": None,
    "num_input_audio_prompt": None,
    "num_media_completion": None,
    "num_media_prompt": None,
    "num_search_results": None,
    "origin": "",
    "preset_id": None,
    "response_cache_source_id": None,
    "service_tier": None,
    "session_id": None,
    "upstream_id": None,
    "user_agent": None,
    "web_search_engine": None,
    "workspace_id": None,
}
"""Fields that OpenRouter's clients insist on."""


def _response_object(row: Generation) -> dict[str, Any]:
    """What a provider answered; the status is null of a call that was cut short."""
    return {
        "provider_name": row.provider,
        "model_permaslug": row.model,
        "status": row.status,
        "latency": row.latency_ms,
        "is_byok": True,
    }


def _call_object(row: Generation) -> dict[str, Any]:
    return {
        "id": row.id,
        "role": row.role,
        "model": row.model,
        "provider_name": row.provider,
        "outcome": row.outcome,
        "status": row.status,
        "error": row.error,
        "tokens_prompt": row.usage.input,
        "tokens_completion": row.usage.output,
        "tokens_estimated": row.usage.estimated,
        "cost": dollars(row.cost_nanodollars),
        "latency": row.first_token_ms,
        "generation_time": row.latency_ms,
    }


async def run(visit: Visit) -> None:
    """One run, whole; one under way as far as it has come.

    Raises:
        NotFound: there is none of that id.
    """
    run_id = visit.arguments["id"]
    live = visit.services.gateway.catalog.commons.live.find(run_id)
    if live is not None and visit.sees(live.caller):
        document = so_far(live.run, visit.services.gateway.screen)
    else:
        document = await own_run(visit, run_id)
    await visit.json({"data": msgspec.Raw(document)})


async def own_run(visit: Visit, run_id: str) -> bytes:
    """The document of a run that was written down, if this caller may see it.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    document = await visit.services.records.run(run_id)
    if document is not None and not visit.sees(NOBODY) and not await _is_own(visit, run_id, document):
        document = None
    if document is None:
        raise NotFound(f"There is no fusion run {run_id!r}.", param="id")
    return document


class _Whose(Struct):
    caller: str | None = None


async def _is_own(visit: Visit, run_id: str, document: bytes) -> bool:
    whose = msgspec.json.decode(document, type=_Whose).caller
    if whose is not None:
        return visit.sees(whose)
    rows = await visit.services.records.generations(run_id)  # one of the first, which don't say
    return any(visit.sees(row.caller) for row in rows)


async def runs(visit: Visit) -> None:
    """The newest runs, a line each; `limit` and `before` (the last id of the page before) page through them.

    Raises:
        InvalidRequest: a filter can't be read.
        NotFound: there is no run `before`.
    """
    limit = visit.query("limit") or "50"
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
        raise InvalidRequest("'limit' is a number from 1 to 1000.", param="limit")
    among = RunFilter(
        caller=None if visit.sees(NOBODY) else visit.caller,
        **{name: visit.query(name) for name in ("model", "strategy", "outcome", "replay_of", "shadow_of")},
        since=_moment(visit, "since"),
        until=_moment(visit, "until"),
    )
    found = await visit.services.records.runs(int(limit), visit.query("before"), among)
    await visit.json({"data": [_summary(row) for row in found]})


def _moment(visit: Visit, name: str) -> float | None:
    """Unix seconds.

    Raises:
        InvalidRequest: it is something else.
    """
    given = visit.query(name)
    if given is None:
        return None
    try:
        found = float(given)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InvalidRequest(f"{name!r} is a moment in Unix seconds, such as 1764000000.", param=name)
    return found


def _summary(row: RunSummary) -> dict[str, Any]:
    return {
        "id": row.id,
        "created": row.created_at,
        "model": row.model,
        "strategy": row.strategy,
        "outcome": row.outcome,
        "cost_usd": dollars(row.cost_nanodollars),
        "latency_ms": row.latency_ms,
        "answer_preview": row.answer_preview,
        "replay_of": row.replay_of,
        "shadow_of": row.shadow_of,
    }
