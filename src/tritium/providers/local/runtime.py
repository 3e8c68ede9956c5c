"""The embedded models at work: each loaded at its first use, each answering one request at a time, all in parallel.

    stream(model, body)  ->  the model's lane (a queue and a thread)  ->  its process (llama.cpp)  ->  chunks

Nothing native runs in this process, and nothing here blocks its event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tritium.providers.local.body import llama_body
from tritium.providers.local.faults import CLOSED, GenerationFailed
from tritium.providers.local.job import Chunk, Job
from tritium.providers.local.lane import Lane
from tritium.providers.local.process import EngineSettings
from tritium.providers.local.shelf import InstalledModel

_PROMPT_THREADS = 4
"""At most; on a larger machine the other models want some cores too."""


class LlamaRuntime:
    """Models in processes of their own. Close it, or leave it to the interpreter's exit."""

    def __init__(
        self, *, max_concurrency: int | None = None, threads: int = 1, prompt_threads: int | None = None
    ) -> None:
        """`max_concurrency` answers at once, by default one per usable core.

        `threads` per model write the answer: memory is the limit, more than one helps little and hurts on a busy
        machine. `prompt_threads` read the prompt, which does gain from more; by default the usable cores, up to 4.
        """
        cores = _usable_cores()
        self._threads = threads
        self._prompt_threads = prompt_threads or min(cores, _PROMPT_THREADS)
        self._slots = threading.BoundedSemaphore(max_concurrency or cores)
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._opening = threading.Lock()
        self._closed = False

    @asynccontextmanager
    async def stream(self, model: InstalledModel, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Open an answer: the context is entered when the first chunk is there.

        Leaving early stops the generation and waits until the model is free, at most one batch of the prompt later,
        even if the task is cancelled again meanwhile.

        Raises:
            GenerationRefused, GenerationFailed, ModelUnloadable, RuntimeMissing: while opening, from here; later,
                GenerationFailed from the iterator.
        """
        job = Job(llama_body(body))
        self._lane(model).submit(job)
        try:
            await job.open()
            yield job
        finally:
            job.cancel()
            await job.settled()

    async def preload(self, models: Iterable[InstalledModel]) -> None:
        """Load models now, all at the same time.

        Raises:
            ModelUnloadable, RuntimeMissing: one of them can't be loaded; the others are.
        """
        jobs = [(self._lane(model), Job(None)) for model in models]
        for lane, job in jobs:
            lane.submit(job)
        for _, job in jobs:
            await job.settled()
        for _, job in jobs:
            await job.open()

    async def close(self) -> None:
        """End all processes; what is under way fails with GenerationFailed."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        atexit.unregister(self._close)
        with self._opening:
            self._closed = True
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.stop()
        for lane in lanes:
            lane.join()

    def _lane(self, model: InstalledModel) -> Lane:
        with self._opening:
            if self._closed:
                raise GenerationFailed(CLOSED)
            if not self._lanes:
                atexit.register(self._close)
            key = (model.id, str(model.path))
            if key not in self._lanes:
                settings = EngineSettings(
                    model.id, str(model.path), model.context_length, self._threads, self._prompt_threads
                )
                self._lanes[key] = Lane(settings, self._slots)
            return self._lanes[key]


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
