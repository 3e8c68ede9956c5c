"""Errors in the caller's dialect: OpenAI's under `/v1`, OpenRouter's under `/api/v1`."""

from __future__ import annotations

from typing import Any, Literal

from tritium.errors import InvalidRequest, TritiumError, UnknownModel, UpstreamError

Dialect = Literal["openai", "openrouter"]


def render_error(error: TritiumError, dialect: Dialect) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the body."""
    status = error.http_status
    if dialect == "openrouter" and isinstance(error, UnknownModel):
        status = 400  # OpenRouter's status for a wrong model ID; OpenAI's is 404
    return status, {"error": error_object(error, status, dialect)}


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
    if isinstance(error, InvalidRequest) and error.param:
        metadata["param"] = error.param
    return found


def retry_after(error: TritiumError) -> list[tuple[bytes, bytes]]:
    """The `Retry-After` header, where the provider gave one."""
    seconds = getattr(error, "retry_after_seconds", None)
    return [] if seconds is None else [(b"retry-after", b"%d" % max(1, round(seconds)))]
