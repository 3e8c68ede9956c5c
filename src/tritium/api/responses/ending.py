"""How a response ended: its status from the finish reason, its `error` from ours, its `usage` from the account.

Format: `OpenResponsesResult`, `ResponsesErrorField` and `Usage` of OpenRouter's OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tritium.api.completion import dollars
from tritium.chat import Usage
from tritium.errors import TritiumError
from tritium.gateway import Account
from tritium.ledger.prices import total

Price = Callable[[str, Usage], int | None]
"""What tokens of a model cost, in nano-dollars; None where nobody knows."""

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


def usage_object(account: Account, price: Price) -> dict[str, Any]:
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
    on_input = _cost_of_input(account, price)
    if on_input is not None and account.cost_nanodollars is not None:
        found["cost_details"] = {
            "upstream_inference_cost": found["cost"],
            "upstream_inference_input_cost": dollars(on_input),
            "upstream_inference_output_cost": dollars(account.cost_nanodollars - on_input),
        }
    return found


def _cost_of_input(account: Account, price: Price) -> int | None:
    costs: list[int | None] = []
    for row in account.rows:
        if row.usage.cost_usd is not None or row.cost_nanodollars is None:
            return None
        if price(row.model, row.usage) != row.cost_nanodollars:  # another of those who serve it was dearer
            return None
        costs.append(price(row.model, replace(row.usage, output=0, reasoning=0)))
    return total(costs)
