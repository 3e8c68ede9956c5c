"""How a response ended: its status from the finish reason, its `error` from ours, its `usage` from the account.

Format: `OpenResponsesResult`, `ResponsesErrorField` and `Usage` of OpenRouter's OpenAPI document.
"""

from __future__ import annotations

from typing import Any

from tritium.api.completion import divided, dollars
from tritium.errors import TritiumError
from tritium.gateway import Account

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def incomplete_reason(finish_reason: str | None) -> str | None:
    """Why the answer is not whole; None if it is."""
    return _INCOMPLETE.get(finish_reason or "")


def error_field(error: TritiumError) -> dict[str, str]:
    """The `error` of a failed response; the codes are a closed list of OpenAI's."""
    status = error.http_status
    code = "server_error"
    if status == 429:
        code = "rate_limit_exceeded"
    elif status < 500:
        code = "invalid_prompt"
    return {"code": code, "message": error.message}


def usage_object(account: Account) -> dict[str, Any]:
    """Tokens and cost of everything the request caused. `cost` is null where a price is unknown.

    `cost_details` are left out where it isn't known how the cost divides into input and output, as where a provider
    gave one figure for both.
    """
    usage = account.usage
    found: dict[str, Any] = {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
        "cost": dollars(account.cost_nanodollars),
        "is_byok": True,
    }
    parts = divided(account)
    if parts is not None:
        found["cost_details"] = {
            "upstream_inference_cost": found["cost"],
            "upstream_inference_input_cost": dollars(parts[0]),
            "upstream_inference_output_cost": dollars(parts[1]),
        }
    return found
