"""Where this process gets its slices of limits, and the one thread that keeps house for them.

The thread signs that we live, gives back what nobody draws, counts anew from the ledger now and then, and settles what
dead processes left behind. It begins with the first slice; where nothing is limited there is none.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tritium.accounts.allowance import Allowance, Slice
from tritium.accounts.key import LimitReset
from tritium.errors import LimitsUnknown, StorageError
from tritium.ledger.allowances import Allowances, GiveBack, Purse
from tritium.ledger.lost_runs import any_under_way, close_the_lost
from tritium.ledger.reservations import any_open, settle_the_dead
from tritium.ledger.writer import LedgerWriter
from tritium.storage.database import Database
from tritium.storage.presence import Presence

ROUND_SECONDS = 1.0
_SIGN_ROUNDS = 5
_BURY_ROUNDS = 10
_COUNT_SECONDS = 60.0
_COUNT_SHARE = 1 / 20
"""Of the time may be spent counting anew."""

_ASK_SECONDS = 5.0
"""For the database to say how much there is."""
_AWAY_SECONDS = 1.0
"""Until a database that didn't answer is asked again."""

_log = logging.getLogger(__name__)


class SharedTill:
    """Slices of limits that several processes spend."""

    def __init__(
        self,
        database: Database,
        writer: LedgerWriter,
        presence: Presence,
        *,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._database = database
        self._table = Allowances(database)
        self._writer = writer
        self._presence = presence
        self._round_seconds = round_seconds
        self._allowances: dict[str, Allowance] = {}
        self._counted_at = time.monotonic()
        self._to_count: deque[Allowance] = deque()
        self._away_until = 0.0
        self._fault: str | None = None
        self._ended = threading.Event()
        self._granting = threading.Lock()
        self._thread: threading.Thread | None = None
        # Its own thread: who waits for a database must not be in the way of anything else.
        self._askers = ThreadPoolExecutor(1, "tritium-till")

    def allowance(self, name: str, reset: LimitReset | None) -> Allowance:
        """The limit of that purse."""
        known = self._allowances.get(name)
        if known is not None:
            known.start_over()
            if known.reset == reset:
                return known
        found = self._allowances[name] = Allowance(name, reset, self)
        return found

    def look(self) -> None:
        """Hear what the others have spent; blocks.

        Raises:
            StorageError: it can't be read.
        """
        if not self._allowances:
            return
        committed = self._table.committed()
        for each in list(self._allowances.values()):
            each.look(committed.get(each.purse))

    async def renew(self, slice_: Slice, needed: int, limit: int) -> None:
        """See `allowance.Till`."""
        if time.monotonic() < self._away_until:
            raise _unknown()

        def renew() -> None:  # to its end, even if nobody waits any more: what is granted is not lost
            with self._granting:
                if not self._ended.is_set():
                    if not slice_.counted:
                        self._writer.flush()
                        self._table.count_anew(slice_.purse)
                        slice_.counted = True
                    slice_.heard(self._table.grant(slice_.purse, self._presence.name, limit, needed), needed)

        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._askers, renew)
        except (StorageError, TimeoutError) as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise _unknown() from error
        self.keep_house()

    def give_back(self, purse: Purse, nanodollars: int) -> None:
        """See `allowance.Till`."""
        self._writer.give_back(GiveBack(purse, self._presence.name, nanodollars))

    def keep_house(self) -> None:
        """Begin, if we haven't yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._rounds, name="tritium-house", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Give back all slices; the ledger has been written to its end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._askers.shutdown(wait=False, cancel_futures=True)
        with self._granting:
            if self._thread is not None:
                try:
                    self._table.take_back(self._presence.name)
                except StorageError as error:
                    _log.warning("What this process held of limits comes back when it is taken for dead. %s", error)

    # ------------------------------------------------------------ the thread

    def _rounds(self) -> None:
        number = 0
        while not self._ended.wait(self._round_seconds):
            for each in list(self._allowances.values()):
                each.rest()
            try:
                if number % _SIGN_ROUNDS == 0 and not self._presence.sign():
                    self._void()
                if number % _BURY_ROUNDS == 0:
                    bury(self._database, self._presence)
                number += 1
                self._count()
            except StorageError as error:
                self._failed(str(error))
            else:
                self._fault = None

    def _count(self) -> None:
        """What was written without us, as by a process that knew of no limit, counts from now on."""
        began = time.monotonic()
        if not self._to_count and began - self._counted_at > _COUNT_SECONDS:
            self._counted_at = began
            self._to_count.extend(each for each in list(self._allowances.values()) if each.in_use)
        while self._to_count and time.monotonic() - began < self._round_seconds * _COUNT_SHARE:
            each = self._to_count.popleft()
            each.look(self._table.count_anew(each.purse))

    def _void(self) -> None:
        _log.warning("This process was out of touch with the database for so long that others took it for dead.")
        for each in list(self._allowances.values()):
            each.void()

    def _failed(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            _log.warning("Limits can't be kept up at present. %s", fault)


def bury(database: Database, presence: Presence) -> None:
    """Settle what dead processes left behind, as far as the dead can be told; blocks.

    Raises:
        StorageError: the database can't be used.
    """
    dead = presence.dead()
    if dead is not None:
        settle_the_dead(database, dead)
        close_the_lost(database, dead)
    table = Allowances(database)
    owners, dead = table.owners(), presence.dead()
    if dead is not None:
        for owner in owners:
            if dead(owner, 0.0):
                table.take_back(owner)


def is_owed(database: Database) -> bool:
    """Whether anything is open that somebody may have left behind; blocks.

    Raises:
        StorageError: the database can't be read.
    """
    return bool(Allowances(database).owners()) or any_open(database) or any_under_way(database)


def _unknown() -> LimitsUnknown:
    return LimitsUnknown(
        "What is left of a limit can't be told at present: the database doesn't answer. Try again in a moment."
    )
