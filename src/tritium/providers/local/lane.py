"""One model's requests, in their order, on one thread: a thread and not a task, so that it serves any event loop."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tritium.errors import TritiumError
from tritium.providers.local.faults import CLOSED, GenerationFailed
from tritium.providers.local.job import Job
from tritium.providers.local.process import EngineProcess, EngineSettings

_POLL_SECONDS = 0.1


class Lane:
    """Owns the model's process, and starts it again when it died. `slots` are shared by all lanes."""

    def __init__(self, settings: EngineSettings, slots: threading.BoundedSemaphore) -> None:
        self._settings = settings
        self._slots = slots
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._closed = False
        self._request_ids = itertools.count()
        self._process: EngineProcess | None = None
        self._thread = threading.Thread(target=self._work, name=f"model {settings.id}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        with self._starting:
            if not self._closed:
                self._jobs.put(job)
                return
        job.put(GenerationFailed(CLOSED))
        job.finish()

    def stop(self) -> None:
        with self._starting:
            self._closed = True
            if self._process:
                self._process.kill()
            self._jobs.put(None)

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        while job := self._jobs.get():
            try:
                self._serve(job)
            except TritiumError as fault:
                job.put(GenerationFailed(CLOSED) if self._closed else fault)
            except Exception as surprise:  # noqa: BLE001  # a lane that dies would leave its callers waiting
                job.put(GenerationFailed(f"the runtime failed on a request to {self._settings.id!r}: {surprise!r}"))
                self._restart()
            finally:
                job.finish()
        if self._process:
            self._process.close()

    def _restart(self) -> None:
        """Nobody knows what is in the pipes; the next request gets a new process."""
        if self._process:
            self._process.kill()

    def _serve(self, job: Job) -> None:
        if job.cancelled:
            return
        if job.body is None:
            self._loaded()
            return
        # The slot first: a panel asks its strongest member first, and a small model that loads sooner must not take
        # the core from a larger one.
        with self._slot(job):
            if job.cancelled:
                return
            process = self._loaded()
            request_id = next(self._request_ids)
            if job.begin(process, request_id):
                for chunk in process.answer(request_id, job.body):
                    job.put(chunk)

    def _loaded(self) -> EngineProcess:
        with self._starting:
            if self._closed:
                raise GenerationFailed(CLOSED)
            if self._process is None or not self._process.alive:
                if self._process:
                    self._process.close()
                self._process = EngineProcess(self._settings)
        self._process.wait_until_loaded()
        return self._process

    @contextmanager
    def _slot(self, job: Job) -> Iterator[None]:
        while not self._slots.acquire(timeout=_POLL_SECONDS):
            if job.cancelled or self._closed:
                yield
                return
        try:
            yield
        finally:
            self._slots.release()
