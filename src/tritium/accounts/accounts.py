"""Everything about callers in one place: who is calling, the keys there are, and what each has used."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tritium.accounts.admission import LOCAL, MANAGEMENT, Admission
from tritium.accounts.codes import Codes, Method, PromisedKey
from tritium.accounts.guardrails import Guardrails
from tritium.accounts.key import Key
from tritium.accounts.key_book import NOTHING, KeyBook, KeyUse
from tritium.accounts.keyring import Keyring
from tritium.accounts.till import SharedTill, bury, is_owed
from tritium.config import Config
from tritium.errors import AuthenticationFailed, PermissionDenied
from tritium.ledger.prices import NANODOLLARS
from tritium.ledger.sums import DAY_SECONDS, Activity
from tritium.ledger.writer import LedgerWriter
from tritium.shared import Shared
from tritium.shared.local import LocalShared
from tritium.storage.database import Database
from tritium.storage.presence import presence

ACTIVITY_DAYS = 30


@dataclass(frozen=True)
class Accounts:
    """The accounts of a gateway that is up."""

    config: Config
    book: KeyBook
    keyring: Keyring
    codes: Codes
    admission: Admission
    writer: LedgerWriter
    management: bytes | None
    """SHA-256 of the management key."""

    @classmethod
    def open(
        cls,
        config: Config,
        environment: Mapping[str, str],
        database: Database,
        writer: LedgerWriter,
        shared: Shared | None = None,
    ) -> Accounts:
        """Read the keys, and settle what processes that were killed left open. Keys' rates hold for all of `shared`.

        Raises:
            ConfigError: the guardrails can't be used.
            StorageError: the database or the pepper can't be read.
        """
        guardrails = Guardrails(config.guardrails)
        signs = presence(database)
        alone = config.server.workers == 1 and database.embedded
        till = None if alone else SharedTill(database, writer, signs)
        bury(database, signs)
        if till is not None and is_owed(database):
            till.keep_house()  # the dead can't always be told at once
        book = KeyBook(database, config.data_path)
        quotas = (shared or LocalShared()).quota
        keyring = Keyring(book.table, book.sums, writer, book.pepper_path, quotas, till=till)
        keyring.load()
        spending = None if guardrails.budget_nanodollars is None else keyring.everybodys()
        unknown = round(config.accounts.unknown_cost_usd * NANODOLLARS)
        admission = Admission(keyring, guardrails, spending, writer, signs, unknown, till)
        named = config.accounts.management_key_env
        secret = environment.get(named) if named else None
        management = hashlib.sha256(secret.encode()).digest() if secret else None
        return cls(config, book, keyring, Codes(database), admission, writer, management)

    @property
    def required(self) -> bool:
        """Whether callers need a key."""
        return self.config.accounts.require_key or len(self.keyring) > 0

    async def identify(self, secret: str | None) -> str:
        """The same by the keys as they are now.

        Raises:
            AuthenticationFailed, PermissionDenied: see `identified`.
        """
        if not self.keyring.fresh:
            await self.keyring.refresh()
        return self.identified(secret)

    def identified(self, secret: str | None) -> str:
        """Who calls: `local` where no key is asked for, `management`, or a key's hash; by the keys last read.

        Raises:
            AuthenticationFailed: a key is needed, and there is none, or one that nobody has.
            PermissionDenied: the key is disabled or has expired.
        """
        if secret is not None:
            holder = self.keyring.find(secret)
            if holder is not None:
                _refuse_unusable(holder.key)
                return holder.key.hash
            if self.management is not None and hmac.compare_digest(
                self.management, hashlib.sha256(secret.encode()).digest()
            ):
                return MANAGEMENT
        if not self.required:
            return LOCAL
        if secret is None:
            raise AuthenticationFailed(
                "No key was sent. Send one as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'."
            )
        raise AuthenticationFailed("Nobody has this key here. `tritium keys list` shows the keys there are.")

    def manage(self, caller: str) -> None:
        """Refuse whoever may not make keys.

        Raises:
            AuthenticationFailed, PermissionDenied: the caller isn't the management key; says how it could be.
        """
        if caller == MANAGEMENT:
            return
        named = self.config.accounts.management_key_env
        if named is None:
            how = "there is none: name the environment variable that holds it, [accounts] management_key_env"
        elif self.management is None:
            how = f"the environment variable {named} that should hold it isn't set"
        else:
            how = "this wasn't it"
        message = f"This needs the management key, and {how}."
        raise AuthenticationFailed(message) if caller == LOCAL else PermissionDenied(message)

    # ------------------------------------------------------------ keys, off the event loop

    async def create(self, name: str, **fields: Any) -> tuple[KeyUse, str]:
        """See `KeyBook.create`."""
        key, secret = await asyncio.to_thread(lambda: self.book.create(name, **fields))
        await asyncio.to_thread(self.keyring.load)
        return KeyUse(key, 0, 0, 0, 0, 0), secret

    async def change(self, key_hash: str, changes: Mapping[str, Any]) -> KeyUse:
        """See `KeyBook.change`."""
        await asyncio.to_thread(self.book.change, key_hash, changes)
        await asyncio.to_thread(self.keyring.load)
        return await self.use(key_hash)

    async def remove(self, key_hash: str) -> None:
        """See `KeyBook.remove`."""
        await asyncio.to_thread(self.book.remove, key_hash)
        await asyncio.to_thread(self.keyring.load)

    async def use(self, key_hash: str) -> KeyUse:
        """See `KeyBook.use`; what was just answered is in it."""
        await self.writer.aflush()
        return await asyncio.to_thread(self.book.use, key_hash)

    async def uses(self) -> list[KeyUse]:
        """See `KeyBook.uses`; what was just answered is in it."""
        await self.writer.aflush()
        return await asyncio.to_thread(self.book.uses)

    async def costs(self, caller: str | None) -> list[int]:
        """Nano-dollars in all, today, this week, this month; without a caller, everybody's."""
        await self.writer.aflush()
        rows = await asyncio.to_thread(self.book.costs, caller)
        return [sum(column) for column in zip(*rows.values(), strict=True)] or list(NOTHING)

    async def activity(self, day: int | None, caller: str | None) -> list[Activity]:
        """By model and day, the newest first: one day, or today and the thirty before it."""
        await self.writer.aflush()
        today = int(time.time()) // DAY_SECONDS * DAY_SECONDS
        days = [day] if day is not None else [today - each * DAY_SECONDS for each in range(ACTIVITY_DAYS + 1)]
        return await asyncio.to_thread(self.book.sums.activity, days, caller)

    # ------------------------------------------------------------ codes

    async def issue_code(
        self, promised: PromisedKey, challenge: str | None, method: Method | None
    ) -> tuple[str, float]:
        """A code to be exchanged for a key, and when it was made."""
        now = time.time()
        return await asyncio.to_thread(self.codes.issue, promised, challenge, method, now), now

    async def redeem_code(self, code: str, verifier: str | None, method: Method | None) -> str:
        """The secret of the key that a code was issued for.

        Raises:
            InvalidRequest, PermissionDenied: see `Codes.redeem`.
        """
        promised = await asyncio.to_thread(self.codes.redeem, code, verifier, method)
        _, secret = await self.create(
            promised.name,
            limit_nanodollars=promised.limit_nanodollars,
            limit_reset=promised.limit_reset,
            expires_at=promised.expires_at,
        )
        return secret


def _refuse_unusable(key: Key) -> None:
    if key.disabled:
        raise PermissionDenied(f"The key {key.label} is disabled.")
    if key.expired(time.time()):
        raise PermissionDenied(f"The key {key.label} has expired.")
