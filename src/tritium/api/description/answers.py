"""The schemas of what is answered.

What comes from a provider passes through, so answers of models are open: they have what is named here, and may have
more. What Tritium says of itself is closed.
"""

from __future__ import annotations

from typing import Any

from tritium.api.description.requests import PLACE

Fields = dict[str, Any]

TEXT: Fields = {"type": "string"}
FLAG: Fields = {"type": "boolean"}
WHOLE: Fields = {"type": "integer"}
COUNT: Fields = {"type": "integer", "minimum": 0}
NUMBER: Fields = {"type": "number"}
NOTHING: Fields = {"type": "null"}
OBJECT: Fields = {"type": "object"}


def just(*values: str) -> Fields:
    return {"enum": list(values)}


def maybe(schema: Fields) -> Fields:
    """Or null, where it isn't known or there is none."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Fields) -> Fields:
    return {"type": "array", "items": schema}


def the(name: str) -> Fields:
    return {"$ref": PLACE + name}


def has(fields: Fields, *, optional: Fields | None = None) -> Fields:
    """An object with all of these fields, and any others."""
    return {"type": "object", "properties": {**fields, **(optional or {})}, "required": list(fields)}


def is_just(fields: Fields, *, optional: Fields | None = None) -> Fields:
    """An object with these fields and no others."""
    return {**has(fields, optional=optional), "additionalProperties": False}


def data(schema: Fields) -> Fields:
    return is_just({"data": schema})


_AMOUNT: Fields = {"type": "number", "minimum": 0}
DOLLARS = maybe({**_AMOUNT, "description": "US dollars; null where a price is unknown."})
_MOMENT: Fields = {"type": "string", "format": "date-time"}


def answer_schemas() -> dict[str, Any]:
    """Components by name."""
    return {
        **_chat(),
        **_responses(),
        **_messages(),
        **_vectors(),
        **_catalogue(),
        **_presets(),
        **_records(),
        **_keys(),
        **_errors(),
    }


# ---------------------------------------------------------------- models' answers


def _chat() -> Fields:
    head = {"id": TEXT, "created": WHOLE, "model": TEXT}
    more = {"provider": TEXT, "fusion": the("FusionSummary"), "openrouter_metadata": OBJECT}
    finish = maybe(TEXT)
    choice = has({"message": OBJECT}, optional={"index": WHOLE, "finish_reason": finish})
    piece = has({"delta": OBJECT}, optional={"index": WHOLE, "finish_reason": finish})
    text = has({"text": TEXT, "index": WHOLE, "logprobs": NOTHING, "finish_reason": finish})
    failed = {"error": {"anyOf": [the("OpenAIErrorObject"), the("OpenRouterErrorObject")]}}
    chunk_more = {**more, "fusion": OBJECT, "usage": the("Usage"), **failed}
    usage = has(
        {
            "prompt_tokens": COUNT,
            "completion_tokens": COUNT,
            "total_tokens": COUNT,
            "cost": DOLLARS,
            "is_byok": FLAG,
            "prompt_tokens_details": has({"cached_tokens": COUNT, "cache_write_tokens": COUNT}),
            "completion_tokens_details": has({"reasoning_tokens": COUNT}),
            "cost_details": has(
                {"upstream_inference_cost": DOLLARS},
                optional={"upstream_inference_prompt_cost": _AMOUNT, "upstream_inference_completions_cost": _AMOUNT},
            ),
        }
    )
    completion = {**head, "object": just("chat.completion"), "system_fingerprint": maybe(TEXT)}
    return {
        "Usage": usage,
        "FusionSummary": has({"run": TEXT, "decision": OBJECT, "seats": many(OBJECT), "receipt": OBJECT}),
        "ChatCompletion": has({**completion, "choices": many(choice), "usage": the("Usage")}, optional=more),
        "ChatCompletionChunk": has(
            {**head, "object": just("chat.completion.chunk"), "choices": many(piece)}, optional=chunk_more
        ),
        "TextCompletion": has({**head, "object": just("text_completion"), "choices": many(text)}, optional=chunk_more),
    }


def _responses() -> Fields:
    status = just("completed", "incomplete", "in_progress", "failed")
    usage = has(
        {
            "input_tokens": COUNT,
            "output_tokens": COUNT,
            "total_tokens": COUNT,
            "input_tokens_details": OBJECT,
            "output_tokens_details": OBJECT,
            "cost": DOLLARS,
        }
    )
    response = has(
        {
            "id": TEXT,
            "object": just("response"),
            "created_at": WHOLE,
            "completed_at": maybe(WHOLE),
            "status": status,
            "error": maybe(has({"code": TEXT, "message": TEXT})),
            "incomplete_details": maybe(has({"reason": TEXT})),
            "model": TEXT,
            "output": many(has({"type": TEXT})),
        },
        optional={"usage": usage, "fusion": the("FusionSummary"), "openrouter_metadata": OBJECT},
    )
    return {"Response": response, "ResponseEvent": has({"type": TEXT, "sequence_number": COUNT})}


def _messages() -> Fields:
    usage = has({"input_tokens": COUNT, "output_tokens": COUNT, "cost": DOLLARS, "is_byok": FLAG})
    message = has(
        {
            "id": TEXT,
            "type": just("message"),
            "role": just("assistant"),
            "model": TEXT,
            "content": many(has({"type": TEXT})),
            "stop_reason": TEXT,
            "stop_sequence": maybe(TEXT),
            "usage": usage,
        },
        optional={"provider": TEXT, "fusion": the("FusionSummary"), "openrouter_metadata": OBJECT},
    )
    return {
        "Message": message,
        "MessageEvent": has({"type": TEXT}),
        "TokenCount": is_just({"input_tokens": COUNT}),
    }


def _vectors() -> Fields:
    usage = has({"prompt_tokens": COUNT, "total_tokens": COUNT, "cost": DOLLARS})
    vectors = {"object": just("list"), "data": many(has({"embedding": {}})), "model": TEXT, "provider": TEXT}
    result = has({"index": COUNT, "relevance_score": NUMBER, "document": OBJECT})
    return {
        "Embeddings": has({"id": TEXT, **vectors, "usage": usage}),
        "Ranking": has({"id": TEXT, "model": TEXT, "provider": TEXT, "results": many(result), "usage": usage}),
    }


# ---------------------------------------------------------------- what Tritium knows


def _catalogue() -> Fields:
    described = {"id": TEXT, "name": TEXT, "created": COUNT, "description": TEXT, "architecture": OBJECT}
    row = {
        **described,
        "object": just("model"),
        "owned_by": TEXT,
        "canonical_slug": TEXT,
        "context_length": maybe(COUNT),
        "pricing": maybe({"type": "object", "additionalProperties": TEXT}),
        "top_provider": OBJECT,
        "per_request_limits": NOTHING,
        "supported_parameters": many(TEXT),
        "default_parameters": NOTHING,
        "supported_voices": NOTHING,
        "links": is_just({"details": TEXT}),
    }
    page = {"object": just("list"), "data": many(the("Model")), "total_count": COUNT}
    provider = {"name": TEXT, "slug": TEXT}
    addresses = ("privacy_policy_url", "terms_of_service_url", "status_page_url", "headquarters", "datacenters")
    return {
        "Model": is_just(row, optional={"alias_target": is_just({"slug": TEXT, "name": TEXT})}),
        "ModelData": data(the("Model")),
        "ModelPage": is_just({**page, "links": is_just({"next": maybe(TEXT)})}),
        "ModelCount": data(is_just({"count": COUNT})),
        "ModelEndpoints": data(is_just({**described, "endpoints": many(has({"name": TEXT, "provider_name": TEXT}))})),
        "Providers": data(many(is_just({**provider, **dict.fromkeys(addresses, NOTHING)}))),
        "Health": has({"status": just("ok"), "version": TEXT, "providers": many(TEXT), "ledger": OBJECT}),
        "Document": has({"openapi": TEXT, "info": OBJECT, "paths": OBJECT}),
    }


def _presets() -> Fields:
    made = {"id": TEXT, "created_at": _MOMENT, "updated_at": _MOMENT}
    unknown = ("description", "status_updated_at", "creator_user_id", "workspace_id")
    row = {
        **made,
        **dict.fromkeys(("slug", "name", "designated_version_id"), TEXT),
        "status": just("active"),
        **dict.fromkeys(unknown, NOTHING),
    }
    version = is_just(
        {
            **made,
            "preset_id": TEXT,
            "creator_id": TEXT,
            "version": COUNT,
            "system_prompt": maybe(TEXT),
            "config": OBJECT,
        }
    )
    return {
        "Presets": is_just({"data": many(is_just(row)), "total_count": COUNT}),
        "PresetData": data(is_just({**row, "designated_version": version})),
        "PresetVersions": is_just({"data": many(version), "total_count": COUNT}),
        "PresetVersion": data(version),
    }


def _records() -> Fields:
    milliseconds = maybe({"type": "number", "minimum": 0})
    call = {
        "id": TEXT,
        "role": TEXT,
        "model": TEXT,
        "provider_name": TEXT,
        "outcome": TEXT,
        "status": maybe(WHOLE),
        "error": maybe(TEXT),
        "tokens_prompt": COUNT,
        "tokens_completion": COUNT,
        "tokens_estimated": FLAG,
        "cost": DOLLARS,
        "latency": milliseconds,
        "generation_time": milliseconds,
    }
    tokens = ("prompt", "completion")
    native = ("prompt", "completion", "reasoning", "cached")
    generation = {
        "id": TEXT,
        "request_id": TEXT,
        "model": TEXT,
        "router": maybe(TEXT),
        "provider_name": TEXT,
        "api_type": TEXT,
        "created_at": _MOMENT,
        "streamed": FLAG,
        "cancelled": FLAG,
        "finish_reason": maybe(TEXT),
        "latency": milliseconds,
        "generation_time": milliseconds,
        **{f"tokens_{kind}": COUNT for kind in tokens},
        **{f"native_tokens_{kind}": COUNT for kind in native},
        "total_cost": DOLLARS,
        "usage": DOLLARS,
        "upstream_inference_cost": DOLLARS,
        "is_byok": FLAG,
        "calls": many(is_just(call)),
        "provider_responses": many(has({"provider_name": TEXT, "status": maybe(WHOLE), "latency": milliseconds})),
    }
    run = {
        "id": TEXT,
        "created": NUMBER,
        "model": TEXT,
        "strategy": maybe(TEXT),
        "outcome": maybe(TEXT),
        "cost_usd": DOLLARS,
        "latency_ms": milliseconds,
        "answer_preview": TEXT,
        "replay_of": maybe(TEXT),
        "shadow_of": maybe(TEXT),
    }
    activity = {
        "date": {"type": "string", "format": "date"},
        **dict.fromkeys(("model", "model_permaslug", "endpoint_id", "provider_name"), TEXT),
        "usage": DOLLARS,
        "byok_usage_inference": NUMBER,
        **dict.fromkeys(("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"), COUNT),
    }
    return {
        "Generation": data(has(generation)),
        "Quote": data(
            has({"object": just("fusion.quote"), "model": TEXT, "strategy": TEXT, "calls": many(OBJECT)}),
        ),
        "Runs": data(many(is_just(run))),
        "Run": data(has({"id": TEXT})),
        "RunEvent": has({"type": TEXT, "run": TEXT}),
        "Credits": data(is_just({"total_credits": DOLLARS, "total_usage": DOLLARS})),
        "Activity": data(many(is_just(activity, optional={"workspace_id": TEXT}))),
    }


def _keys() -> Fields:
    periods = ("usage", "usage_daily", "usage_weekly", "usage_monthly")
    usage = {f"{whose}{period}": _AMOUNT for whose in ("", "byok_") for period in periods}
    patterns, rate = maybe(many(TEXT)), maybe(COUNT)
    limits = {
        "label": TEXT,
        "limit": DOLLARS,
        "limit_remaining": DOLLARS,
        "limit_reset": maybe(just("daily", "weekly", "monthly")),
        "include_byok_in_limit": FLAG,
        "expires_at": maybe(_MOMENT),
        "creator_user_id": NOTHING,
        **usage,
    }
    key = {
        **limits,
        "hash": TEXT,
        "name": TEXT,
        "disabled": FLAG,
        "created_at": _MOMENT,
        "updated_at": maybe(_MOMENT),
        "workspace_id": TEXT,
        "external_user": NOTHING,
        "last_used_at": NOTHING,
        "allowed_models": patterns,
        "allowed_providers": patterns,
        "requests_per_minute": rate,
        "tokens_per_minute": rate,
    }
    code = is_just({"id": TEXT, "app_id": WHOLE, "created_at": _MOMENT})
    return {
        "KeyObject": is_just(key),
        "KeyData": data(the("KeyObject")),
        "Keys": data(many(the("KeyObject"))),
        "NewKey": is_just({"data": the("KeyObject"), "key": TEXT}),
        "Deleted": is_just({"deleted": {"const": True}}),
        "CurrentKey": data(has({**limits, "is_management_key": FLAG, "is_free_tier": FLAG, "rate_limit": OBJECT})),
        "RedeemedKey": is_just({"key": TEXT, "user_id": NOTHING}),
        "Code": data(code),
    }


# ---------------------------------------------------------------- failures


def _errors() -> Fields:
    metadata = has({"error_type": TEXT})
    openai = {"message": TEXT, "type": TEXT, "param": maybe(TEXT), "code": TEXT, "metadata": metadata}
    openrouter = {"code": {"type": "integer", "minimum": 400, "maximum": 599}, "message": TEXT, "metadata": metadata}
    anthropic = is_just({"type": TEXT, "message": TEXT, "error_type": TEXT})
    routed = {"openrouter_metadata": OBJECT}
    return {
        "OpenAIErrorObject": is_just(openai),
        "OpenRouterErrorObject": is_just(openrouter, optional={"availability": OBJECT}),
        "OpenAIError": is_just({"error": the("OpenAIErrorObject")}, optional=routed),
        "OpenRouterError": is_just({"error": the("OpenRouterErrorObject")}, optional={**routed, "error_type": TEXT}),
        "AnthropicError": is_just(
            {"type": just("error"), "error": anthropic, "request_id": maybe(TEXT)},
            optional={**routed, "metadata": OBJECT},
        ),
    }
