"""Errors in the caller's dialect: OpenAI's under `/v1`, OpenRouter's under `/api/v1`, Anthropic's for its Messages."""

from __future__ import annotations

from typing import Any, Literal

from tritium.errors import InvalidRequest, TritiumError, UnknownModel, UpstreamError

Dialect = Literal["openai", "openrouter", "anthropic"]


def render_error(error: TritiumError, dialect: Dialect) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the body."""
    status = error.http_status
    if dialect == "openrouter" and isinstance(error, UnknownModel):
        status = 400  # OpenRouter's status for a wrong model ID; OpenAI's is 404
    if dialect == "anthropic":
        return status, anthropic_error(error, None)
    document = {"error": error_object(error, status, dialect)}
    if error.router_metadata is not None:
        document["openrouter_metadata"] = dict(error.router_metadata)
    return status, document


def error_object(error: TritiumError, status: int, dialect: Dialect) -> dict[str, Any]:
    """What goes under `error`, also in the middle of a stream."""
    metadata: dict[str, Any] = {"error_type": error.error_type, **error.metadata}
    if isinstance(error, UpstreamError):
        metadata["provider_name"] = error.provider
    if dialect == "openai":
        code = "model_not_found" if isinstance(error, UnknownModel) else error.error_type
        return {
            "message": error.message,
            "type": error.openai_type,
            "param": error.param,
            "code": code,
            "metadata": metadata,
        }
    found: dict[str, Any] = {"code": status, "message": error.message, "metadata": metadata}
    if isinstance(error, UnknownModel):
        found["availability"] = {
            "code": "model_not_found",
            "retryable": False,
            "requested_models": error.metadata.get("requested_models", []),
        }
    elif error.availability is not None:
        found["availability"] = dict(error.availability)
    if isinstance(error, InvalidRequest) and error.param:
        metadata["param"] = error.param
    return found


_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def anthropic_error(error: TritiumError, request_id: str | None) -> dict[str, Any]:
    """The body of an error, also in the middle of a stream; `error_type` is OpenRouter's addition, `metadata` ours."""
    status = error.http_status
    metadata = dict(error.metadata)
    if isinstance(error, UpstreamError):
        metadata["provider_name"] = error.provider
    if error.param:
        metadata["param"] = error.param
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    document: dict[str, Any] = {
        "type": "error",
        "error": {"type": kind, "message": error.message, "error_type": error.error_type},
        "request_id": request_id,
    }
    if metadata:
        document["metadata"] = metadata
    if error.router_metadata is not None:
        document["openrouter_metadata"] = dict(error.router_metadata)
    return document


def retry_after(error: TritiumError) -> list[tuple[bytes, bytes]]:
    """The `Retry-After` header, where the provider gave one."""
    seconds = getattr(error, "retry_after_seconds", None)
    return [] if seconds is None else [(b"retry-after", b"%d" % max(1, round(seconds)))]
