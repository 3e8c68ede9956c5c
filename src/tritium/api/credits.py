"""GET /credits and GET /activity: what everything has cost, in OpenRouter's shapes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from tritium.accounts.admission import LOCAL
from tritium.api.completion import dollars
from tritium.api.keys import WORKSPACE
from tritium.api.visit import Visit
from tritium.errors import InvalidRequest
from tritium.ledger.sums import Activity


async def credits_(visit: Visit) -> None:
    """`total_usage` is everything the ledger knows the cost of. Nobody buys credits here, so `total_credits` is the sum
    of the keys' limits, and 0 if no key has one.

    Raises:
        PermissionDenied: this takes the management key, or a gateway without keys.
    """
    accounts = visit.services.accounts
    if visit.caller != LOCAL:
        accounts.manage(visit.caller)
    used, *_ = await accounts.costs(None)
    limits = [use.key.limit_nanodollars for use in await accounts.uses()]
    total = dollars(sum(limit for limit in limits if limit is not None))
    await visit.json({"data": {"total_credits": total, "total_usage": dollars(used)}})


async def activity(visit: Visit) -> None:
    """Calls by day and endpoint: today and the 30 days before it, or one `date`; of one `api_key_hash`, if given.

    There is one workspace, which `group_by=workspace` names on every row, and there are no users to filter by.

    Raises:
        PermissionDenied: this takes the management key, or a gateway without keys.
        InvalidRequest: the date isn't one, or rows can't be grouped so.
    """
    accounts = visit.services.accounts
    if visit.caller != LOCAL:
        accounts.manage(visit.caller)
    given, grouped, wanted = visit.query("date"), visit.query("group_by"), visit.query("workspace_id")
    if grouped not in (None, "workspace"):
        raise InvalidRequest(f"'group_by' is 'workspace' or left out, not {grouped!r}.", param="group_by")
    day = None if given is None else _day(given)
    found = []
    if wanted in (None, WORKSPACE):
        found = await accounts.activity(day, visit.query("api_key_hash"))
    whose = {} if grouped is None else {"workspace_id": WORKSPACE}
    await visit.json({"data": [_activity_object(row) | whose for row in found]})


def _day(given: str) -> int:
    try:
        return int(datetime.combine(date.fromisoformat(given), time(), UTC).timestamp())
    except (ValueError, OverflowError):
        raise InvalidRequest(f"'date' {given!r} is not a day. Write it like 2027-12-31.", param="date") from None


def _activity_object(row: Activity) -> dict[str, Any]:
    return {
        "date": f"{datetime.fromtimestamp(row.day, UTC):%Y-%m-%d}",
        "model": row.model,
        "model_permaslug": row.model,
        "endpoint_id": f"{row.provider}:{row.model}",
        "provider_name": row.provider,
        "usage": dollars(row.cost_nanodollars),
        "byok_usage_inference": 0,
        "requests": row.requests,
        "prompt_tokens": row.input_tokens,
        "completion_tokens": row.output_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cached_tokens": row.cache_read_tokens,
    }
