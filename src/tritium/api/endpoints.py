"""GET /models/{author}/{slug}/endpoints: everybody who serves a model, at what price, and how they have been doing.

Format: OpenRouter's `PublicEndpoint`. What nobody measured is null; a day's uptime isn't counted here.
"""

from __future__ import annotations

from typing import Any

from tritium.api.models import named_row, pricing_object, row_object
from tritium.api.visit import Visit
from tritium.catalog.capabilities import Capabilities
from tritium.catalog.catalog import Catalog, Listed, endpoint_name, endpoint_prices
from tritium.ledger.pulse import Pulse
from tritium.routing.endpoint import Endpoint

_WELL, _COOLING = 0, -1
_NOTHING = Pulse(None, None, None, None)


async def endpoints(visit: Visit) -> None:
    """A fusion has none: whom it asks is decided when it runs.

    Raises:
        UnknownModel: the catalogue doesn't have it.
    """
    row = named_row(visit)
    model = row_object(row)
    described = {name: model[name] for name in ("id", "name", "created", "description", "architecture")}
    catalog = visit.services.gateway.catalog
    if "embeddings" in row.capabilities.outputs:
        served = [_embedding(row, model)]
    else:
        found = catalog.endpoints(row.id)
        pulses = await visit.services.records.pulses({each.model.id for each in found}) if found else {}
        served = [_endpoint(row, each, catalog, pulses.get((each.provider, each.model.id), _NOTHING)) for each in found]
    await visit.json({"data": {**described, "endpoints": served}})


def _endpoint(row: Listed, endpoint: Endpoint, catalog: Catalog, pulse: Pulse) -> dict[str, Any]:
    known = _capabilities(endpoint, catalog)
    return {
        "name": f"{endpoint.provider} | {endpoint.model.id}",
        "tag": endpoint.provider,
        "provider_name": endpoint.provider,
        "model_id": row.id,
        "model_name": endpoint.model.id,
        "context_length": endpoint.context_tokens or known.context_tokens,
        "max_completion_tokens": known.output_tokens,
        "max_prompt_tokens": None,
        "pricing": pricing_object(endpoint_prices(endpoint)),
        "quantization": endpoint.quantization,
        "supported_parameters": known.parameters,
        **_support(tool_choice="tool_choice" in known.parameters),
        "status": _WELL if endpoint.health.ready else _COOLING,
        "uptime_last_5m": pulse.uptime_short,
        "uptime_last_30m": pulse.uptime,
        "uptime_last_1d": None,
        "latency_last_30m": pulse.latency_ms,
        "throughput_last_30m": pulse.tokens_per_second,
        "cooldown_seconds": round(endpoint.health.cooldown_seconds, 3),
    }


def _support(tool_choice: bool) -> dict[str, Any]:
    """What OpenRouter's clients insist on being told; of tool choices, providers know all or none."""
    return {
        "native_tools": {},
        "service_tier": None,
        "supports_diarization": False,
        "supports_implicit_caching": False,
        "supports_tool_choice": dict.fromkeys(("auto", "function", "none", "required"), tool_choice),
    }


def _capabilities(endpoint: Endpoint, catalog: Catalog) -> Capabilities:
    return catalog.shelves[endpoint.provider].capabilities(endpoint_name(endpoint))


def _embedding(row: Listed, model: dict[str, Any]) -> dict[str, Any]:
    """The one provider of a model that embeds; how such calls go isn't watched."""
    return {
        "name": f"{row.provider} | {row.id}",
        "tag": row.provider,
        "provider_name": row.provider,
        "model_id": row.id,
        "model_name": row.id,
        "context_length": model["context_length"],
        "max_completion_tokens": row.capabilities.output_tokens,
        "max_prompt_tokens": None,
        "pricing": model["pricing"],
        "quantization": None,
        "supported_parameters": model["supported_parameters"],
        **_support(tool_choice=False),
        "status": _WELL,
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }
