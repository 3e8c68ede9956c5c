"""Authorization codes: an app is let have a key of its own without ever seeing another one (PKCE, RFC 7636).

Invariant: a code is good for ten minutes and one attempt; whoever fails with it has used it up.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Literal

import msgspec
from msgspec import Struct

from tritium.accounts.key import LimitReset
from tritium.errors import InvalidRequest, PermissionDenied
from tritium.storage.database import Database

LIFE_SECONDS = 600

Method = Literal["S256", "plain"]


class PromisedKey(Struct, frozen=True):
    """The key that a code will be exchanged for."""

    name: str
    limit_nanodollars: int | None = None
    limit_reset: LimitReset | None = None
    expires_at: float | None = None


class Codes:
    """Codes as they are stored: by hash only. Everything blocks and raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(self, promised: PromisedKey, challenge: str | None, method: Method | None, now: float) -> str:
        """A new code; the old ones that nobody came for are dropped."""
        code = secrets.token_urlsafe(32)
        row = {
            "hash": _hash(code),
            "created_at": now,
            "challenge": challenge,
            "method": method or ("plain" if challenge else None),
            "key": msgspec.json.encode(promised).decode(),
        }
        with self._database.writing() as connection:
            connection.change("DELETE FROM auth_codes WHERE created_at < :oldest", oldest=now - LIFE_SECONDS)
            connection.insert("auth_codes", row)
        return code

    def redeem(self, code: str, verifier: str | None, method: Method | None) -> PromisedKey:
        """What the code was issued for.

        Raises:
            InvalidRequest: the code was issued for another `code_challenge_method`.
            PermissionDenied: it is unknown, used, too old, or the verifier isn't the one it was issued for.
        """
        with self._database.writing() as connection:
            row = connection.row("SELECT * FROM auth_codes WHERE hash = :hash", hash=_hash(code))
            connection.change("DELETE FROM auth_codes WHERE hash = :hash", hash=_hash(code))
        if row is None or time.time() - row["created_at"] > LIFE_SECONDS:
            raise PermissionDenied(
                "This code is unknown, was used before, or is older than ten minutes. Get a new one."
            )
        if row["challenge"] is not None:
            if method is not None and method != row["method"]:
                raise InvalidRequest(
                    f"This code was issued for the code_challenge_method {row['method']!r}. Get a new code.",
                    param="code_challenge_method",
                )
            if not hmac.compare_digest(_challenge(verifier or "", row["method"]).encode(), row["challenge"].encode()):
                raise PermissionDenied("The code_verifier isn't the one that this code was issued for. Get a new code.")
        return msgspec.json.decode(row["key"], type=PromisedKey)


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
