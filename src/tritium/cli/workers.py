"""Several gateways behind one socket: worker processes, and the parent that watches over them.

Invariant: all workers accept from one listening socket, so a connection that waits there is not lost with a worker.
A worker that ends unasked is replaced; one that loses its parent ends by itself.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from msgspec import Struct

from tritium.cli.exits import FAILED
from tritium.cli.terminal import complain

PATIENCE_SECONDS = 30
"""For workers that were asked to end. Whoever hangs longer is killed."""
_STEADY_SECONDS = 10
"""A worker that was up for so long is replaced at once when it dies."""
_LONGEST_DELAY_SECONDS = 30.0

Order = Literal["finish", "hurry"]


class Ready(Struct, frozen=True):
    """A worker says that it serves; `panel` is whom its automatic panel asks."""

    panel: list[str]


class Failed(Struct, frozen=True):
    """A worker says why it can't, in a person's words."""

    message: str
    exit_code: int


class Orders:
    """A worker's ear: what the parent wants. Losing the parent means `finish`."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._obey: Callable[[Order], object] = str  # nobody obeys yet
        self.last: Order | None = None
        threading.Thread(target=self._listen, name="tritium-orders", daemon=True).start()

    def obeyed(self, obey: Callable[[Order], object]) -> None:
        """Call it, from another thread, for each order from now on, and for one that came before."""
        self._obey = obey
        if self.last is not None:
            obey(self.last)

    def say(self, message: Ready | Failed) -> None:
        with suppress(OSError):  # nobody is left to hear it
            self._control.send(message)

    def _listen(self) -> None:
        while True:
            try:
                order: Order = self._control.recv()
            except (EOFError, OSError):
                order = "finish"
                self.last = order
                self._obey(order)
                return
            self.last = order
            self._obey(order)


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    control: Connection
    ready_at: float | None = None
    failure: Failed | None = None


class Workers:
    """`count` processes that each call `work(control, *arguments)`; all of it must be picklable.

    `announce` is called once, with the panel, when all of them serve for the first time.
    """

    def __init__(
        self,
        count: int,
        work: Callable[..., None],
        arguments: Sequence[Any],
        announce: Callable[[Sequence[str]], None],
    ) -> None:
        self._count = count
        self._work = work
        self._arguments = arguments
        self._announce = announce
        self._context = multiprocessing.get_context("spawn")  # a fork would share open files, threads and locks
        self._workers: list[_Worker] = []
        self._due: list[float] = []
        """When to start those that are to replace others; monotonic seconds."""
        self._failures = 0
        self._announced = False
        self._deadline: float | None = None
        """When to lose patience; None until we are to stop."""
        self._exit_code = 0

    def run(self) -> int:
        """Until told to stop by SIGINT or SIGTERM; a second one lets no answers end. Returns the exit code."""
        with self._told_by_signals():
            for _ in range(self._count):
                self._start()
            try:
                while self._workers or (self._due and self._deadline is None):
                    self._attend()
            finally:
                self._kill()
        return self._exit_code

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=self._work, args=(theirs, *self._arguments), name="tritium-worker")
        with _unheard_by_children(signal.SIGINT):
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        if self._deadline is not None:  # told to stop while it was being made
            self._tell(worker, "finish")

    def _attend(self) -> None:
        """Wait until something happens, and see to it."""
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        controls = {worker.control: worker for worker in self._workers if worker.ready_at is None}
        happened = set(wait([*sentinels, *controls], self._next_look_seconds()))
        for control, worker in controls.items():
            if control in happened:
                self._hear(worker)
        for sentinel, worker in sentinels.items():
            if sentinel in happened:
                self._bury(worker)
        now = time.monotonic()
        if self._deadline is None:
            ripe = [due for due in self._due if due <= now]
            self._due = [due for due in self._due if due > now]
            for _ in ripe:
                self._start()
        elif now > self._deadline:
            complain(f"{len(self._workers)} workers did not end within {PATIENCE_SECONDS} s and are killed.")
            self._exit_code = FAILED
            self._kill()

    def _next_look_seconds(self) -> float | None:
        if self._deadline is not None:
            return max(0.0, self._deadline - time.monotonic()) + 0.01
        if self._due:
            soonest = max(0.0, min(self._due) - time.monotonic())
            # Without a worker to wake us when we are told to stop, we look.
            return soonest if self._workers else min(soonest, 0.2)
        return None

    def _hear(self, worker: _Worker) -> None:
        try:
            message = worker.control.recv()
        except (EOFError, OSError):
            return  # its process is ending
        if isinstance(message, Failed):
            worker.failure = message
            return
        worker.ready_at = time.monotonic()
        if not self._announced and sum(each.ready_at is not None for each in self._workers) == self._count:
            self._announced = True
            self._announce(message.panel)

    def _bury(self, worker: _Worker) -> None:
        """See how a worker ended, and what that means for the others."""
        if worker.ready_at is None and worker.failure is None and worker.control.poll():
            self._hear(worker)
        worker.process.join()
        worker.control.close()
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        if self._deadline is not None:
            died_unready = worker.ready_at is None and code == -signal.SIGTERM  # nothing was lost with it
            if code and not died_unready:
                self._exit_code = self._exit_code or FAILED
        elif not self._announced and worker.ready_at is None:
            self._give_up(worker.failure or Failed(f"A worker {_ending(code)} before it could serve.", FAILED))
        else:
            self._replace(worker, code)

    def _give_up(self, failure: Failed) -> None:
        complain(failure.message)
        self._exit_code = failure.exit_code
        self._stop()

    def _replace(self, worker: _Worker, code: int) -> None:
        now = time.monotonic()
        steady = worker.ready_at is not None and now - worker.ready_at > _STEADY_SECONDS
        self._failures = 0 if steady else self._failures + 1
        delay = 0.0 if self._failures <= 1 else min(2.0 ** (self._failures - 2), _LONGEST_DELAY_SECONDS)
        self._due.append(now + delay)
        reason = f": {worker.failure.message}" if worker.failure else "."
        complain(f"A worker (process {worker.process.pid}) {_ending(code)} and is replaced{reason}")

    @contextmanager
    def _told_by_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self._on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _on_signal(self, _signal: int, _frame: object) -> None:
        self._stop()

    def _stop(self) -> None:
        order: Order = "finish" if self._deadline is None else "hurry"
        if self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE_SECONDS
        for worker in list(self._workers):
            self._tell(worker, order)

    def _tell(self, worker: _Worker, order: Order) -> None:
        with suppress(OSError, ValueError):  # it is gone already
            worker.control.send(order)

    def _kill(self) -> None:
        for worker in self._workers:
            worker.process.kill()


def ignore_interrupts() -> None:
    """For a worker: the terminal sends Ctrl-C to everybody, and the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _unheard_by_children(number: signal.Signals) -> Iterator[None]:
    """Processes that are started within never get the signal; we do, a moment later."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
