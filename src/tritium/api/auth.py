"""POST /auth/keys/code and POST /auth/keys: a key for an app, by a code instead of by hand (PKCE).

Whoever has the management key gets a code and hands it to the app; the app exchanges it for a key of its own.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from tritium.accounts.codes import Method, PromisedKey
from tritium.accounts.key import LimitReset
from tritium.api.keys import Dollars, iso, moment, nanodollars, read_json
from tritium.api.visit import Visit
from tritium.errors import InvalidRequest

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CodeWish(Struct, frozen=True, forbid_unknown_fields=True):
    """The key that a code is to be exchanged for, and how the app will prove that the code is meant for it."""

    callback_url: str | None = None
    code_challenge: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    code_challenge_method: Method | None = None
    key_label: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    limit: Dollars | None = None
    usage_limit_type: LimitReset | None = None
    expires_at: str | None = None
    workspace_id: str | None = None
    spawn_agent: str | None = None
    spawn_cloud: str | None = None


class Redemption(Struct, frozen=True, forbid_unknown_fields=True):
    """A code with the proof."""

    code: str
    code_verifier: str | None = None
    code_challenge_method: Method | None = None


async def create_code(visit: Visit) -> None:
    """A code that lives ten minutes and is good for one exchange.

    Raises:
        AuthenticationFailed, PermissionDenied: this takes the management key.
        InvalidRequest: a field is wrong.
    """
    accounts = visit.services.accounts
    accounts.manage(visit.caller)
    wish = await read_json(visit, CodeWish)
    if wish.callback_url is not None:
        _check_callback(wish.callback_url)
    if wish.code_challenge_method is not None and wish.code_challenge is None:
        raise InvalidRequest("A 'code_challenge_method' needs a 'code_challenge'.", param="code_challenge")
    promised = PromisedKey(
        name=wish.key_label or _app(wish.callback_url),
        limit_nanodollars=None if wish.limit is None else nanodollars(wish.limit),
        limit_reset=wish.usage_limit_type,
        expires_at=None if wish.expires_at is None else moment(wish.expires_at),
    )
    code, made_at = await accounts.issue_code(promised, wish.code_challenge, wish.code_challenge_method)
    await visit.json({"data": {"id": code, "app_id": 0, "created_at": iso(made_at)}})


async def redeem_code(visit: Visit) -> None:
    """The key that the code was made for; its secret is in this answer and nowhere else.

    Raises:
        InvalidRequest: a field is wrong.
        PermissionDenied: the code isn't good, or the proof isn't.
    """
    given = await read_json(visit, Redemption)
    accounts = visit.services.accounts
    secret = await accounts.redeem_code(given.code, given.code_verifier, given.code_challenge_method)
    await visit.json({"key": secret, "user_id": None})


def _check_callback(url: str) -> None:
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        good = bool(parts.hostname) and (parts.scheme == "https" or local)
    except ValueError:
        good = False
    if not good:
        raise InvalidRequest("'callback_url' must be an https address, or http on localhost.", param="callback_url")


def _app(callback_url: str | None) -> str:
    host = urlsplit(callback_url).hostname if callback_url else None
    return host or "authorized app"
