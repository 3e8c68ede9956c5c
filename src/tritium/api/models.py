"""GET /models: the catalogue in OpenRouter's shape, which is a superset of OpenAI's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tritium.api.visit import Visit
from tritium.catalog.catalog import Listed

_PARAMETERS = ["max_tokens", "temperature", "top_p", "stop", "seed", "response_format", "tools", "tool_choice"]


async def models(visit: Visit) -> None:
    rows = [_row(listed) for listed in visit.services.gateway.catalog.listed()]
    await visit.json({"object": "list", "data": rows, "total_count": len(rows), "links": {"next": None}})


def _row(listed: Listed) -> dict[str, Any]:
    return {
        "id": listed.id,
        "object": "model",
        "created": 0,
        "owned_by": listed.provider,
        "canonical_slug": listed.id,
        "name": listed.id,
        "description": listed.description,
        "context_length": listed.context_tokens,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Router" if listed.kind == "fusion" else "Other",
            "instruct_type": None,
        },
        "pricing": _pricing(listed),
        "top_provider": {"context_length": listed.context_tokens, "max_completion_tokens": None, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": _PARAMETERS,
    }


def _pricing(listed: Listed) -> dict[str, str] | None:
    """Dollars per token as strings; -1 where it depends on who is asked; null where nobody knows."""
    if listed.kind != "model":
        return {"prompt": "-1", "completion": "-1"}
    if listed.prices is None:
        return None
    return {"prompt": _per_token(listed.prices.input), "completion": _per_token(listed.prices.output)}


def _per_token(per_million: Decimal) -> str:
    return f"{(per_million / 1_000_000).normalize():f}"
