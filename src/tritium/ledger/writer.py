"""The ledger's writer: callers drop rows into a queue, one thread commits them in batches.

Invariant: a row that was taken is committed, or still waiting, or named in the log; never dropped, never written twice.
What was committed survives the process being killed; what was not is at most `linger_seconds` old, unless the database
is at fault.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from tritium.errors import StorageError
from tritium.ledger import reservations
from tritium.ledger.allowances import GiveBack, Moves
from tritium.ledger.generations import Generations
from tritium.ledger.reservations import Release, Reservation
from tritium.ledger.runs import BegunRun, Runs, StoredRun
from tritium.model import Generation
from tritium.storage.database import Database

_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)

_Row = Generation | StoredRun | BegunRun | Reservation | Release | GiveBack


class LedgerHealth(Struct, frozen=True):
    """How the writing goes.

    `fault` is why nothing can be written at present, `fault_since` since when (Unix seconds). `blocked` counts rows
    whose caller had to wait for room, `refused` rows that no database takes (they are named in the log).
    While `full`, a gateway does better to take no new requests.
    """

    queued: int
    full: bool
    written: int
    blocked: int
    refused: int
    fault: str | None
    fault_since: float | None


class _Mark:
    """A place in the queue; `reached` is called by the writing thread once everything before it is committed."""

    __slots__ = ("reached",)

    def __init__(self, reached: Callable[[], object]) -> None:
        self.reached = reached


class LedgerWriter:
    """A `model.Recorder` that keeps generations and runs in the database. Safe to call from any thread.

    A row waits until `batch_rows` are there or the first has waited `linger_seconds`. With `capacity` rows waiting, a
    caller is held up until there is room, and so is its event loop; but no longer than `patience_seconds`: then its
    row is taken all the same, because a standing loop helps nobody and a lost row is a wrong bill.
    """

    def __init__(
        self,
        database: Database,
        *,
        batch_rows: int = 500,
        linger_seconds: float = 0.1,
        capacity: int = 10_000,
        patience_seconds: float = 0.1,
    ) -> None:
        self._database = database
        self._batch_rows = batch_rows
        self._linger_seconds = linger_seconds
        self._capacity = capacity
        self._patience_seconds = patience_seconds

        self._waiting: deque[_Row | _Mark] = deque()
        self._limit = capacity  # 0 once closed, so that the check for room is the check for that as well
        self._room = threading.Condition()

        self._wake = threading.Event()
        self._asleep = False
        self._urgent = False
        self._abandoned = threading.Event()

        self._fresh: dict[str, Reservation] = {}
        """By their calls' ids: taken and not written, as most calls are over before they would have to be."""
        self._open: dict[str, Reservation] = {}
        """Written, until the generation comes that settles each; both are the writing thread's."""
        self._in_hand = 0
        self._written = 0
        self._blocked = 0
        self._refused = 0
        self._fault: str | None = None
        self._fault_since: float | None = None

        self.owner: Callable[[], str] = str
        """The name of the process, for runs that begin; asked by the thread."""

        self._thread = threading.Thread(target=self._work, name="tritium-ledger", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------ callers

    def generation(self, row: Generation) -> None:
        """Take a row.

        Raises:
            StorageError: the writer is closed.
        """
        self._take(row)

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        """Take a fusion's run.

        Raises:
            StorageError: the writer is closed.
        """
        self._take(StoredRun(run_id, created_at, model, document))

    def run_begun(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        """Note that a fusion's run begins; the run of that id ends it. One that ends at once is written once.

        Raises:
            StorageError: the writer is closed.
        """
        self._take(BegunRun(StoredRun(run_id, created_at, model, document)))

    def reserve(self, reservation: Reservation) -> None:
        """Note that money is set aside for a call that begins; the generation of that id settles it.

        Raises:
            StorageError: the writer is closed.
        """
        self._take(reservation)

    def give_back(self, given: GiveBack) -> None:
        """Note that part of a slice is not needed.

        Raises:
            StorageError: the writer is closed.
        """
        self._take(given)

    def flush(self, timeout_seconds: float = 5.0) -> None:
        """Return once everything taken so far is committed: whoever reads now finds it.

        Raises:
            StorageError: it took too long; the rows are kept.
        """
        reached = threading.Event()
        self._mark(reached.set)
        if not reached.wait(timeout_seconds):
            raise self._behind(timeout_seconds)

    async def aflush(self, timeout_seconds: float = 5.0) -> None:
        """The same without holding up the event loop.

        Raises:
            StorageError: it took too long; the rows are kept.
        """
        loop, reached = asyncio.get_running_loop(), asyncio.Event()
        self._mark(lambda: loop.call_soon_threadsafe(reached.set))
        try:
            async with asyncio.timeout(timeout_seconds):
                await reached.wait()
        except TimeoutError:
            raise self._behind(timeout_seconds) from None

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Write what is waiting and end the thread. Nobody may record any more. The database stays open.

        Raises:
            StorageError: rows could not be written in that time and are lost.
        """
        self._limit = 0
        self._hurry()
        self._thread.join(timeout_seconds)
        self._abandoned.set()
        self._thread.join()
        lost = self._rows_waiting()
        if lost:
            self._waiting.clear()
            self._in_hand = 0
            raise StorageError(f"{lost} rows of the ledger could not be written and are lost. {self._fault or ''}")

    def health(self) -> LedgerHealth:
        queued = self._rows_waiting()
        return LedgerHealth(
            queued=queued,
            full=queued >= self._capacity,
            written=self._written,
            blocked=self._blocked,
            refused=self._refused,
            fault=self._fault,
            fault_since=self._fault_since,
        )

    def _take(self, row: _Row) -> None:
        waiting = self._waiting
        if len(waiting) >= self._limit:
            self._await_room()
        waiting.append(row)
        # Only the row that ends a sleep or fills a batch costs a wake-up; the others find the thread up or due.
        if self._asleep or len(waiting) == self._batch_rows:
            self._asleep = False
            self._wake.set()

    def _await_room(self) -> None:
        if self._closed:
            raise StorageError("The ledger is closed: nothing can be recorded after a gateway's end.")
        with self._room:
            self._blocked += 1
            self._room.wait_for(lambda: len(self._waiting) < self._capacity, self._patience_seconds)

    def _mark(self, reached: Callable[[], object]) -> None:
        if self._closed:  # and therefore drained
            reached()
            return
        self._waiting.append(_Mark(reached))
        self._hurry()

    def _hurry(self) -> None:
        self._urgent = True
        self._wake.set()

    def _behind(self, seconds: float) -> StorageError:
        reason = self._fault or "The database is slow, or more is recorded than it can take."
        return StorageError(f"The ledger is not written up after {seconds:g} s ({self._rows_waiting()} rows). {reason}")

    def _rows_waiting(self) -> int:
        return len(self._waiting) + self._in_hand + len(self._fresh)

    @property
    def _closed(self) -> bool:
        return self._limit == 0

    # ------------------------------------------------------------ the thread

    def _work(self) -> None:
        while not self._abandoned.is_set():
            self._rest()
            rows, marks = self._next_batch()
            self._commit(rows)
            for mark in marks:
                with suppress(RuntimeError):  # the event loop that waited is closed
                    mark.reached()
            if self._closed and not self._waiting and not self._fresh:
                return

    def _rest(self) -> None:
        """Sleep until a row comes, then until the batch is full, the row is old enough or somebody is in a hurry.

        We say that we sleep before we look at the queue; callers queue before they look whether we sleep.
        """
        self._wake.clear()
        self._asleep = True
        if not self._waiting and not self._closed:
            self._wake.wait(self._linger_seconds if self._fresh else None)
        self._asleep = False
        self._wake.clear()
        if len(self._waiting) < self._batch_rows and not self._urgent:
            self._wake.wait(self._linger_seconds)

    def _next_batch(self) -> tuple[list[_Row], list[_Mark]]:
        self._urgent = False
        rows: list[_Row] = []
        marks: list[_Mark] = []
        while self._waiting and len(rows) < self._batch_rows:
            entry = self._waiting.popleft()
            if isinstance(entry, _Mark):
                marks.append(entry)
            else:
                if isinstance(entry, Reservation):
                    self._fresh[entry.id] = entry
                    continue
                rows.append(entry)
                if isinstance(entry, Generation) and (self._fresh or self._open):
                    self._settle(entry, rows)
        if self._fresh:
            rows += self._due(everything=bool(marks) or self._closed)
        self._in_hand = len(rows)
        if self._waiting:  # perhaps a mark: whoever is in a hurry still is
            self._urgent = True
        with self._room:
            self._room.notify_all()
        return rows, marks

    def _settle(self, row: Generation, rows: list[_Row]) -> None:
        """Its reservation goes in the same transaction, so that at no moment both count, or neither does."""
        fresh = self._fresh.pop(row.id, None)
        reservation = fresh or self._open.pop(row.id, None)
        if reservation is None:
            return
        cost = row.cost_nanodollars
        if cost is None and not reservation.nanodollars:
            cost = 0  # nothing was set aside: whatever it cost, there is nothing to go on counting
        if fresh is not None:
            if cost is not None and not fresh.purses:
                return  # come and gone: nobody needs to read of it
            rows.append(fresh)
        if cost is not None:
            rows.append(Release(reservation, cost))

    def _due(self, *, everything: bool) -> list[Reservation]:
        """The reservations that have waited for as long as any row may."""
        taken_before = time.time() - self._linger_seconds
        due = [each for each in self._fresh.values() if everything or each.created_at <= taken_before]
        for each in due:
            del self._fresh[each.id]
            self._open[each.id] = each
        return due

    def _commit(self, rows: list[_Row]) -> None:
        """Write the rows, however long it takes; one that no database takes is left out, lest it hold up the others."""
        delay = _FIRST_RETRY_SECONDS
        while rows and not self._abandoned.is_set():
            try:
                self._insert(rows)
            except (StorageError, MemoryError) as error:
                self._failed(str(error) or repr(error))
                self._abandoned.wait(delay)
                delay = min(2 * delay, _LONGEST_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 whatever a row is made of, the thread must live
                self._part(rows, error)
                return
            else:
                self._succeeded(len(rows))
                return

    def _insert(self, rows: list[_Row]) -> None:
        moves = Moves()
        for row in rows:
            if isinstance(row, GiveBack):
                moves.give_back(row)
        ended = [row for row in rows if isinstance(row, StoredRun)]
        begun = _under_way(rows, ended)
        owner = self.owner() if begun else ""
        with self._database.writing() as connection:
            reservations.keep(
                connection,
                [row for row in rows if isinstance(row, Reservation)],
                [row for row in rows if isinstance(row, Release)],
                moves,
            )
            Generations.insert(connection, [row for row in rows if isinstance(row, Generation)])
            Runs.insert_begun(connection, begun, owner)
            Runs.insert(connection, ended)
            moves.carry_out(connection)

    def _part(self, rows: list[_Row], error: Exception) -> None:
        """Halve until the row is alone that can't be written."""
        if len(rows) > 1:
            middle = len(rows) // 2
            self._commit(rows[:middle])
            self._commit(rows[middle:])
            return
        self._in_hand -= 1
        self._refused += 1
        _log.error("The ledger's row %r can't be written and is left out: %r", _name(rows[0]), error)

    def _succeeded(self, count: int) -> None:
        self._in_hand -= count
        self._written += count
        if self._fault is not None:
            self._fault = self._fault_since = None
            _log.warning("The ledger can be written again; nothing was lost.")

    def _failed(self, fault: str) -> None:
        if self._fault == fault:
            return
        self._fault = fault
        self._fault_since = self._fault_since or time.time()
        _log.error("The ledger can't be written; its rows are kept and tried again. %s", fault)


def _under_way(rows: list[_Row], ended: list[StoredRun]) -> list[BegunRun]:
    ids = {run.id for run in ended}
    return [row for row in rows if isinstance(row, BegunRun) and row.id not in ids]


def _name(row: _Row) -> object:
    return row.purse if isinstance(row, GiveBack) else row.id
