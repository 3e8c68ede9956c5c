"""The keys in memory: a look-up without the database, made anew when any process changes the table.

A key that is revoked elsewhere stops working at most `CHECK_SECONDS` later. What keys have spent in their limits'
periods is counted here too: read from the ledger when a key's limit is first seen, added to from then on. Where other
processes spend as well, each spends from slices of the limit (`allowance.py`), and what the others have spent is looked
at once a second, so that a spent key is refused at the door.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from tritium.accounts.allowance import Allowance
from tritium.accounts.key import Key, LimitReset
from tritium.accounts.key_table import KeyTable
from tritium.accounts.secret import Pepper
from tritium.accounts.spending import Spending
from tritium.accounts.till import SharedTill
from tritium.errors import StorageError
from tritium.ledger.allowances import EVERYBODY
from tritium.ledger.sums import Sums
from tritium.ledger.writer import LedgerWriter
from tritium.shared import Quota

CHECK_SECONDS = 1.0

_log = logging.getLogger(__name__)


Quotas = Callable[[str, int], Quota]
"""The bucket of that name and of so many a minute."""


class Holder:
    """A key with what it has used: of its limit, and of this minute's requests and tokens."""

    __slots__ = ("key", "requests", "spending", "tokens")

    def __init__(self, key: Key, before: Holder | None, quota: Quotas) -> None:
        """`before` is the same key as it was, whose counts go on where they still apply."""
        self.key = key
        name = key.hash
        requests, tokens = (before.requests, before.tokens) if before else (None, None)
        self.requests: Quota | None = _bucket(f"requests:{name}", key.requests_per_minute, requests, quota)
        self.tokens: Quota | None = _bucket(f"tokens:{name}", key.tokens_per_minute, tokens, quota)
        self.spending: Spending | Allowance | None = before.spending if before else None


def _bucket(name: str, per_minute: int | None, before: Quota | None, quota: Quotas) -> Quota | None:
    if per_minute is None:
        return None
    return before if before is not None and before.per_minute == per_minute else quota(name, per_minute)


class Keyring:
    """All keys by hash."""

    def __init__(
        self,
        table: KeyTable,
        sums: Sums,
        writer: LedgerWriter,
        pepper_path: Path,
        quota: Quotas,
        *,
        till: SharedTill | None = None,
    ) -> None:
        """`quota` makes the buckets of keys' rates. `till`: where limits' slices come from, if other processes spend
        from them, too.
        """
        self._quota = quota
        self._till = till
        self._table = table
        self._sums = sums
        self._writer = writer
        self._pepper_path = pepper_path
        self._pepper: Pepper | None = None
        self._known: dict[str, str] = {}
        """Hashes of secrets that keys have, so that a digest isn't made for each request."""
        self._holders: Mapping[str, Holder] = {}
        self._version = -1
        self._checked_at = 0.0
        self._loading = threading.Lock()
        self._checking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._holders)

    @property
    def pepper(self) -> Pepper:
        """Read, or made, when the first key is: a gateway without keys leaves no file.

        Raises:
            StorageError: see `Pepper.at`.
        """
        if self._pepper is None:
            self._pepper = Pepper.at(self._pepper_path)
        return self._pepper

    def find(self, secret: str) -> Holder | None:
        """Whose secret this is."""
        if not self._holders:
            return None
        known = self._known.get(secret)
        if known is None:
            known = self.pepper.digest(secret)
            if known in self._holders:  # who guesses must not fill our memory
                self._known[secret] = known
        return self._holders.get(known)

    def get(self, key_hash: str) -> Holder | None:
        return self._holders.get(key_hash)

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self._checked_at < CHECK_SECONDS

    async def refresh(self) -> None:
        """Look whether the table has changed, once for everybody who waits for it."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(asyncio.to_thread(self._look))
        await asyncio.shield(self._checking)

    def load(self) -> None:
        """The same at once; blocks, and from any thread.

        Raises:
            StorageError: the database can't be read.
        """
        with self._loading:
            if self._table.version() != self._version:
                version, keys = self._table.all()
                holders = {key.hash: Holder(key, self._holders.get(key.hash), self._quota) for key in keys}
                for holder in holders.values():
                    self._count(holder)
                if keys:
                    self.pepper  # noqa: B018 - read here, where blocking does no harm
                self._holders, self._version = holders, version
                self._known.clear()
            if self._till is not None:
                self._till.look()
            self._checked_at = time.monotonic()

    def _look(self) -> None:
        """Whoever asks must not pay for a database that is busy: the keys known so far hold until it isn't."""
        try:
            self.load()
        except StorageError as error:
            self._checked_at = time.monotonic()
            _log.warning("Changes of keys can't be seen at present. %s", error)

    def everybodys(self) -> Spending | Allowance:
        """What all callers have spent today.

        Raises:
            StorageError: it can't be read.
        """
        return self._counted(None, "daily", None)

    def _count(self, holder: Holder) -> None:
        """Give a limited key its spending, read from the ledger unless it is kept already."""
        key = holder.key
        if key.limit_nanodollars is None:
            holder.spending = None
        else:
            holder.spending = self._counted(key.hash, key.limit_reset, holder.spending)

    def _counted(
        self, caller: str | None, reset: LimitReset | None, before: Spending | Allowance | None
    ) -> Spending | Allowance:
        if before is not None and before.reset == reset:
            return before
        if self._till is not None:
            return self._till.allowance(caller or EVERYBODY, reset)

        def counted(since: float, calls: Collection[str]) -> int:
            self._writer.flush()
            return self._sums.counted(caller, since, calls)

        spending = Spending(reset, time.time())
        spending.recount(counted)
        return spending
