"""What there is to ask: GET /models and its relations, in OpenRouter's shape, which is a superset of OpenAI's.

What isn't known is null or left out, never made up. Filters and orders that would need figures nobody measured here
(popularity, latency, benchmarks, age, ...) change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from tritium.accounts.key import first_forbidden
from tritium.api.visit import Visit
from tritium.catalog.catalog import Listed
from tritium.errors import InvalidRequest, UnknownModel
from tritium.ledger.prices import Prices

_MOST_ROWS, _USUAL_ROWS = 1000, 500
_CHEAPEST_LAST = Decimal("Infinity")


async def models(visit: Visit) -> None:
    """The catalogue, filtered, in order, a page of it."""
    rows = _ordered(visit, [row for row in _all(visit) if _wanted(visit, row)])
    await _page(visit, rows)


async def of_caller(visit: Visit) -> None:
    """The same, without what the caller's key may not ask."""
    holder = visit.services.accounts.keyring.get(visit.caller)
    allowed = None if holder is None else holder.key.allowed_models
    rows = [row for row in _all(visit) if _wanted(visit, row) and first_forbidden([row.id], row.id, allowed) is None]
    await _page(visit, _ordered(visit, rows))


async def embeddings(visit: Visit) -> None:
    """The models that embed."""
    await _page(visit, visit.services.gateway.catalog.listed_embeddings())


async def count(visit: Visit) -> None:
    rows = [row for row in _all(visit) if _gives(visit, row)]
    await visit.json({"data": {"count": len(rows)}})


async def retrieve(visit: Visit) -> None:
    """One model, as OpenAI's SDK fetches it: the object itself."""
    await visit.json(row_object(named_row(visit)))


async def model(visit: Visit) -> None:
    """One model, as OpenRouter's SDK fetches it."""
    await visit.json({"data": row_object(named_row(visit))})


async def providers(visit: Visit) -> None:
    """Who is switched on."""
    shelves = visit.services.gateway.catalog.shelves.values()
    await visit.json(
        {
            "data": [
                {
                    "name": shelf.title or shelf.provider,
                    "slug": shelf.provider,
                    "privacy_policy_url": None,
                    "terms_of_service_url": None,
                    "status_page_url": None,
                    "headquarters": None,
                    "datacenters": None,
                }
                for shelf in shelves
                if shelf.listed
            ]
        }
    )


# ---------------------------------------------------------------- which


def _all(visit: Visit) -> list[Listed]:
    catalog = visit.services.gateway.catalog
    return [*catalog.listed(), *catalog.listed_embeddings()]


def named_row(visit: Visit) -> Listed:
    name = visit.arguments["name"]
    found = next((row for row in _all(visit) if row.id == name), None)
    if found is None:
        raise UnknownModel(
            f"{name} is not in the catalogue. GET /models lists what is; a provider that is on takes other names too.",
            param="model",
            metadata={"requested_models": [name]},
        )
    return found


def _gives(visit: Visit, row: Listed) -> bool:
    wanted = _list(visit, "output_modalities") or {"text"}
    return "all" in wanted or bool(wanted & set(row.capabilities.outputs))


def _wanted(visit: Visit, row: Listed) -> bool:
    known = row.capabilities
    prices = row.prices
    bounds = (  # all of them, so that a wrong one is refused whatever the others leave
        _within(visit, "context", None, _context(row)),
        _within(visit, "min_price", "max_price", None if prices is None else prices.input),
        _within(visit, "min_output_price", "max_output_price", None if prices is None else prices.output),
    )
    return (
        all(bounds)
        and _gives(visit, row)
        and _list(visit, "supported_parameters") <= set(known.parameters)
        and _list(visit, "input_modalities") <= set(known.inputs)
        and _any(_list(visit, "model_authors"), (row.maker, row.id.partition("/")[0]))
        and _any(_list(visit, "providers"), (row.provider,))
        and (visit.query("q") or "").strip().casefold() in row.id.casefold()
        and (visit.query("arch") or "").strip().casefold() in row.id.casefold()
    )


def _any(wanted: set[str], have: Iterable[str]) -> bool:
    return not wanted or bool(wanted & {each.casefold() for each in have})


def _list(visit: Visit, name: str) -> set[str]:
    """A comma-separated parameter."""
    return {part.strip().casefold() for part in (visit.query(name) or "").split(",")} - {""}


def _within(visit: Visit, least: str, most: str | None, have: Decimal | int | None) -> bool:
    """Between two bounds that may be absent; what is unknown is within none."""
    low, high = _number(visit, least), _number(visit, most) if most else None
    if low is None and high is None:
        return True
    return have is not None and (low is None or have >= low) and (high is None or have <= high)


def _number(visit: Visit, name: str) -> Decimal | None:
    given = visit.query(name)
    if given is None or given in ("", "null"):
        return None
    try:
        found = Decimal(given)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        raise InvalidRequest(f"{name!r} is a number from 0 up, not {given!r}.", param=name)
    return found


_ORDERS: dict[str, Callable[[Listed], Any]] = {
    "pricing-low-to-high": lambda row: _CHEAPEST_LAST if row.prices is None else row.prices.input,
    "pricing-high-to-low": lambda row: Decimal(1) if row.prices is None else -row.prices.input,
    "context-high-to-low": lambda row: -(_context(row) or 0),
}
"""Unknown comes last in each."""

_UNMEASURED = frozenset(
    (
        "most-popular",
        "newest",
        "top-weekly",
        "throughput-high-to-low",
        "latency-low-to-high",
        "intelligence-high-to-low",
        "coding-high-to-low",
        "agentic-high-to-low",
        "design-arena-elo-high-to-low",
    )
)


def _ordered(visit: Visit, rows: list[Listed]) -> list[Listed]:
    wanted = visit.query("sort")
    if wanted is None or wanted in _UNMEASURED:
        return rows
    if wanted not in _ORDERS:
        raise InvalidRequest(f"'sort' is one of {', '.join(_ORDERS)}, not {wanted!r}.", param="sort")
    return sorted(rows, key=_ORDERS[wanted])


async def _page(visit: Visit, rows: list[Listed]) -> None:
    """Everything, unless `offset` or `limit` asks for a part."""
    offset, limit = whole_number(visit, "offset", 0, None), whole_number(visit, "limit", 1, _MOST_ROWS)
    part, following = rows, None
    if offset is not None or limit is not None:
        start, size = offset or 0, limit or _USUAL_ROWS
        part = rows[start : start + size]
        if start + size < len(rows):
            following = _link(visit, offset=start + size, limit=size)
    links = {"next": following}
    await visit.json(
        {"object": "list", "data": [row_object(row) for row in part], "total_count": len(rows), "links": links}
    )


def whole_number(visit: Visit, name: str, least: int, most: int | None) -> int | None:
    """A query parameter; None if it isn't given.

    Raises:
        InvalidRequest: it is no whole number within the bounds.
    """
    given = visit.query(name)
    if given is None or given in ("", "null"):
        return None
    found = int(given) if given.isdecimal() and len(given) < 10 else -1
    if found < least or (most is not None and found > most):
        bounds = f"from {least} up" if most is None else f"from {least} to {most}"
        raise InvalidRequest(f"{name!r} is a whole number {bounds}, not {given!r}.", param=name)
    return found


def _link(visit: Visit, **changed: int) -> str:
    """This request's path for another page, the filters as they were."""
    asked = {name: values[0] for name, values in visit.queries().items()}
    return f"{visit.scope['path']}?{urlencode({**asked, **changed})}"


# ---------------------------------------------------------------- as JSON


def _context(row: Listed) -> int | None:
    return row.context_tokens or row.capabilities.context_tokens


def row_object(row: Listed) -> dict[str, Any]:
    known = row.capabilities
    inputs, outputs = list(known.inputs), list(known.outputs)
    alias = {} if row.target is None else {"alias_target": {"slug": row.target, "name": row.target}}
    return {
        "id": row.id,
        "object": "model",
        "created": 0,
        "owned_by": row.provider,
        "canonical_slug": row.target or row.id,
        "name": row.id,
        "description": row.description,
        "context_length": _context(row),
        "architecture": {
            "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}",
            "input_modalities": inputs,
            "output_modalities": outputs,
            "tokenizer": "Router" if row.kind == "fusion" else "Other",
            "instruct_type": None,
        },
        "pricing": _pricing(row),
        "top_provider": {
            "context_length": _context(row),
            "max_completion_tokens": known.output_tokens,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": known.parameters,
        "default_parameters": None,
        "supported_voices": None,
        **alias,
        "links": {"details": f"/api/v1/models/{row.id}/endpoints"},
    }


def _pricing(row: Listed) -> dict[str, str] | None:
    """-1 where it depends on who is asked."""
    return {"prompt": "-1", "completion": "-1"} if row.kind != "model" else pricing_object(row.prices)


def pricing_object(prices: Prices | None) -> dict[str, str] | None:
    """Dollars per token as strings; null where nobody knows."""
    if prices is None:
        return None
    known = {
        "prompt": _per_token(prices.input),
        "completion": _per_token(prices.output),
        "request": f"{prices.request.normalize():f}" if prices.request else None,
        "input_cache_read": None if prices.cache_read is None else _per_token(prices.cache_read),
        "input_cache_write": None if prices.cache_write is None else _per_token(prices.cache_write),
    }
    return {name: price for name, price in known.items() if price is not None}


def _per_token(per_million: Decimal) -> str:
    return f"{(per_million / 1_000_000).normalize():f}"
