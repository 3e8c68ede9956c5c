"""GET, POST /keys; GET, PATCH, DELETE /keys/{hash}; GET /key: virtual keys in OpenRouter's shape, with more fields.

Format: OpenRouter's API reference, API keys. `allowed_models`, `allowed_providers`, `requests_per_minute` and
`tokens_per_minute` are ours. A key's `usage` has every cost, so what OpenRouter keeps apart as `byok_usage` is 0.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tritium.accounts.admission import LOCAL, MANAGEMENT
from tritium.accounts.key import LimitReset, Rate
from tritium.accounts.key_book import KeyUse
from tritium.api.completion import dollars
from tritium.api.visit import Visit
from tritium.closed import closed
from tritium.errors import InvalidRequest
from tritium.ledger.prices import NANODOLLARS

WORKSPACE = "00000000-0000-0000-0000-000000000000"
"""OpenRouter sorts keys into workspaces; here there is one."""
_PAGE = 100

Dollars = Annotated[float, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Patterns = list[Annotated[str, Meta(min_length=1, max_length=200)]]


class KeyWish(Struct, frozen=True, forbid_unknown_fields=True):
    """What a key is to be: UNSET leaves it as it is, None takes the restriction away."""

    name: Name | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    limit: Dollars | UnsetType | None = UNSET
    limit_reset: LimitReset | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    allowed_models: Patterns | UnsetType | None = UNSET
    allowed_providers: Patterns | UnsetType | None = UNSET
    requests_per_minute: Rate | UnsetType | None = UNSET
    tokens_per_minute: Rate | UnsetType | None = UNSET
    include_byok_in_limit: bool | UnsetType = UNSET
    """OpenRouter's; every cost counts here, whatever it says."""
    workspace_id: str | UnsetType = UNSET
    creator_user_id: str | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """The fields of a Key that are given.

        Raises:
            InvalidRequest: the end is no moment in UTC, or is over.
        """
        fields = {
            "name": self.name,
            "disabled": self.disabled,
            "limit_nanodollars": nanodollars(self.limit) if isinstance(self.limit, float) else self.limit,
            "limit_reset": self.limit_reset,
            "expires_at": moment(self.expires_at) if isinstance(self.expires_at, str) else self.expires_at,
            "allowed_models": _tuple(self.allowed_models),
            "allowed_providers": _tuple(self.allowed_providers),
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_minute": self.tokens_per_minute,
        }
        return {name: value for name, value in fields.items() if value is not UNSET}


def _tuple(given: list[str] | UnsetType | None) -> tuple[str, ...] | UnsetType | None:
    return tuple(given) if isinstance(given, list) else given


async def list_keys(visit: Visit) -> None:
    """All keys, the newest first, a hundred to a page.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
    """
    visit.services.accounts.manage(visit.caller)
    offset = visit.query("offset") or "0"
    if not offset.isdecimal():
        raise InvalidRequest("'offset' is a number from 0.", param="offset")
    found = (await visit.services.accounts.uses())[::-1]
    if visit.query("include_disabled") == "false":
        found = [use for use in found if not use.key.disabled]
    page = found[int(offset) : int(offset) + _PAGE]
    await visit.json({"data": [key_object(use) for use in page]})


async def create(visit: Visit) -> None:
    """Make a key; the answer, and nothing after it, has its secret.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
        InvalidRequest: a field is wrong, or there is no name.
    """
    visit.services.accounts.manage(visit.caller)
    wish = await read_json(visit, KeyWish)
    if wish.name is UNSET:
        raise InvalidRequest("A key needs a 'name'.", param="name")
    use, secret = await visit.services.accounts.create(**wish.changes())
    await visit.json({"data": key_object(use), "key": secret}, 201)


async def key_of_hash(visit: Visit) -> None:
    """One key.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
        NotFound: there is none of that hash.
    """
    visit.services.accounts.manage(visit.caller)
    await visit.json({"data": key_object(await visit.services.accounts.use(visit.arguments["hash"]))})


async def change(visit: Visit) -> None:
    """Change a key.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
        InvalidRequest: a field is wrong.
        NotFound: there is none of that hash.
    """
    visit.services.accounts.manage(visit.caller)
    changes = (await read_json(visit, KeyWish)).changes()
    await visit.json({"data": key_object(await visit.services.accounts.change(visit.arguments["hash"], changes))})


async def delete(visit: Visit) -> None:
    """Delete a key.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
        NotFound: there is none of that hash.
    """
    visit.services.accounts.manage(visit.caller)
    await visit.services.accounts.remove(visit.arguments["hash"])
    await visit.json({"deleted": True})


async def current_key(visit: Visit) -> None:
    """The key that this request came with. Without keys, and for the management key, what everybody has used."""
    accounts, caller = visit.services.accounts, visit.caller
    if caller in (LOCAL, MANAGEMENT):
        usage = usage_object(*await accounts.costs(None))
        fields = {"label": caller, "limit": None, "limit_remaining": None, "limit_reset": None, "expires_at": None}
    else:
        use = await accounts.use(caller)
        whole = key_object(use)
        usage = usage_object(use.total, use.daily, use.weekly, use.monthly)
        fields = {name: whole[name] for name in ("label", "limit", "limit_remaining", "limit_reset", "expires_at")}
    managing = caller == MANAGEMENT
    document = {
        **fields,
        "include_byok_in_limit": True,
        **usage,
        "is_free_tier": False,
        "is_management_key": managing,
        "is_provisioning_key": managing,
        "creator_user_id": None,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
        "allowed_data_regions": [],
        "budgets": [],
        "effective_budget": None,
        "free_model_daily_requests": {"limit": 0, "remaining": 0, "used": 0},
        "organization_id": None,
        "workspace_id": None,
    }
    await visit.json({"data": document})


def key_object(use: KeyUse) -> dict[str, Any]:
    """A key as the API shows it."""
    key = use.key
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        "limit": dollars(key.limit_nanodollars),
        "limit_remaining": dollars(use.left),
        "limit_reset": key.limit_reset,
        "include_byok_in_limit": True,
        **usage_object(use.total, use.daily, use.weekly, use.monthly),
        "created_at": iso(key.created_at),
        "updated_at": iso(key.updated_at),
        "expires_at": iso(key.expires_at),
        "creator_user_id": None,
        "workspace_id": WORKSPACE,
        "external_user": None,
        "last_used_at": None,
        "allowed_models": key.allowed_models,
        "allowed_providers": key.allowed_providers,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
    }


def usage_object(total: int, daily: int, weekly: int, monthly: int) -> dict[str, Any]:
    """Nano-dollars as OpenRouter's eight fields."""
    return {
        "usage": dollars(total),
        "usage_daily": dollars(daily),
        "usage_weekly": dollars(weekly),
        "usage_monthly": dollars(monthly),
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
    }


T = TypeVar("T", bound=Struct)


async def read_json(visit: Visit, kind: type[T]) -> T:
    """The body as a Struct.

    Raises:
        InvalidRequest: it isn't JSON, or a field is unknown or wrong.
    """
    try:
        data = msgspec.json.decode(await visit.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}. Send one JSON object.") from None
    return closed(kind, _floats(data), where="The body", error=InvalidRequest)


def _floats(data: Any) -> Any:
    """A whole number of dollars is one, too."""
    if isinstance(data, dict) and isinstance(data.get("limit"), int) and not isinstance(data["limit"], bool):
        return {**data, "limit": float(data["limit"])}
    return data


def nanodollars(amount: float) -> int:
    """A number of dollars, as written."""
    return round(Decimal(str(amount)) * NANODOLLARS)


def moment(given: str) -> float:
    """An ISO 8601 moment in UTC as Unix seconds.

    Raises:
        InvalidRequest: it isn't one, is in another time zone, or is over.
    """
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.utcoffset() != timedelta(0):
        raise InvalidRequest(
            f"'expires_at' {given!r} is not a moment in UTC. Write it like 2027-12-31T23:59:59Z.", param="expires_at"
        )
    if found <= datetime.now(UTC):
        raise InvalidRequest(f"'expires_at' {given!r} is in the past.", param="expires_at")
    return found.timestamp()


def iso(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
