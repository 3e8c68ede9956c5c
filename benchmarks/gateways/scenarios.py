"""What is done to a gateway that stands, and the figures that come of it, by their names in `report.py`."""

from __future__ import annotations

import gc
import resource
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateways.isolation import Cores, on_core
from gateways.load import Answers, Connection, Failed, Load, loading
from gateways.process import Process, busy_seconds, cpu_seconds
from gateways.provider import BURST, CHUNKS, ENDLESS, HELD, PACED, PLAIN
from gateways.standing import MockProvider, Standing

CONNECTIONS = 32
LONG_PROMPT_CHARACTERS = 65_536
OPEN_LOOP_PER_SECOND = 500
OPEN_STREAMS = 2_000
_OPENING = 32
"""Streams that may wait for their first chunk at a time."""
_STALLED_SECONDS = 10.0
_SLOW_SECONDS = 3.0


@dataclass(frozen=True)
class Pace:
    """How long each load lasts, once it is warm."""

    warm_seconds: float
    seconds: float


@dataclass
class Found:
    """Figures of one gateway in one round, what went wrong, and cores that others used up meanwhile."""

    figures: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    foreign_cores: list[float] = field(default_factory=list)


class Trial:
    """One gateway under one load after the other."""

    def __init__(self, standing: Standing, provider: MockProvider, cores: Cores, pace: Pace) -> None:
        self._standing, self._provider, self._pace = standing, provider, pace
        self._cores = {cores.gateway, cores.load}
        self.found = Found()

    def speed(self) -> None:
        for scenario in (self.plain, self.long_prompt, self.alone, self.open_loop, self.burst, self.paced):
            scenario()

    def open_streams(self) -> None:
        self._remember("open streams", self._open_streams)

    def slow_reader(self) -> None:
        self._remember("slow reader", self._slow_reader)

    def _remember(self, name: str, scenario: Callable[[Process], None]) -> None:
        """Memory of a gateway that has done nothing yet: what an earlier load has freed would take this one in."""
        process = self._standing.process
        if process is None:
            return
        time.sleep(0.5)
        self.found.figures |= {"idle_mib": process.pss_kib() / 1024, "idle_rss_mib": process.rss_kib() / 1024}
        with loading(self._standing.address, self._standing.question(BURST, stream=True)) as load:
            load.closed(4, 0.3)
        try:
            scenario(process)
        except (Failed, OSError) as fault:
            self.found.faults[name] = str(fault)

    def plain(self) -> None:
        body = self._standing.question(PLAIN)
        answers, cpu = self._measure("plain", body, self._closed(CONNECTIONS))
        self._keep("plain_cpu_us", cpu / max(1, answers.count) * 1e6)
        self._keep("plain_per_second", answers.count / answers.seconds)

    def long_prompt(self) -> None:
        body = self._standing.question(PLAIN, characters=LONG_PROMPT_CHARACTERS)
        answers, cpu = self._measure("long", body, self._closed(CONNECTIONS))
        self._keep("long_cpu_us", cpu / max(1, answers.count) * 1e6)
        self._keep("long_per_second", answers.count / answers.seconds)

    def alone(self) -> None:
        answers, _ = self._measure("alone", self._standing.question(PLAIN), self._closed(1))
        self._keep("alone_p50_ms", quantile(answers.whole_ms, 0.5))

    def open_loop(self) -> None:
        load = lambda load, seconds: load.open(OPEN_LOOP_PER_SECOND, seconds)  # noqa: E731 - a line for a line
        answers, _ = self._measure("open loop", self._standing.question(PLAIN), load)
        self._keep("open_p99_ms", quantile(answers.whole_ms, 0.99))

    def burst(self) -> None:
        answers, cpu = self._measure("burst", self._standing.question(BURST, stream=True), self._closed(CONNECTIONS))
        self._keep("chunk_cpu_us", cpu / max(1, answers.count * CHUNKS) * 1e6)
        self._keep("chunks_per_second", answers.count * CHUNKS / answers.seconds)

    def paced(self) -> None:
        body = self._standing.question(PACED, stream=True)
        answers, _ = self._measure("paced", body, self._closed(CONNECTIONS), time_chunks=True)
        self._keep("first_token_p50_ms", quantile(answers.first_ms, 0.5))
        self._keep("transit_p99_ms", quantile(answers.transit_ms, 0.99))

    def _closed(self, connections: int) -> Callable[[Load, float], Answers]:
        return lambda load, seconds: load.closed(connections, seconds)

    def _measure(
        self, name: str, body: bytes, run: Callable[[Load, float], Answers], *, time_chunks: bool = False
    ) -> tuple[Answers, float]:
        """The answers, and the seconds of CPU that they took the gateway."""
        process, provider = self._standing.process, self._provider
        gc.collect()
        gc.disable()
        try:
            with loading(self._standing.address, body, time_chunks=time_chunks) as load:
                run(load, self._pace.warm_seconds)
                began, busy = time.monotonic(), busy_seconds(self._cores)
                ours = time.process_time() + cpu_seconds(provider.pid)
                cpu = process.cpu_seconds() if process else 0.0
                answers = run(load, self._pace.seconds)
                cpu = (process.cpu_seconds() if process else 0.0) - cpu
                ours = time.process_time() + cpu_seconds(provider.pid) - ours
                foreign = busy_seconds(self._cores) - busy - ours - cpu
        finally:
            gc.enable()
        self.found.foreign_cores.append(max(0.0, foreign) / (time.monotonic() - began))
        if answers.faults:
            self.found.faults[name] = f"{answers.faults} of {answers.count + answers.faults}: {answers.first_fault}"
        return answers, cpu

    def _keep(self, name: str, value: float | None) -> None:
        if value is not None and (value > 0 or self._standing.process):
            self.found.figures[name] = value

    def _slow_reader(self, process: Process) -> None:
        """Memory that it takes for a stream that never ends, to one who reads 20 KiB of it a second."""
        request = self._standing.address.request(self._standing.question(ENDLESS, stream=True))
        before = process.pss_kib()
        reader = Connection(self._standing.address, request, receive_buffer=4096)
        with reader.socket:
            reader.ask(time.monotonic_ns())
            most, over = before, time.monotonic() + _SLOW_SECONDS
            while time.monotonic() < over:
                time.sleep(0.05)
                if select.select([reader.socket], [], [], 0)[0] and not reader.socket.recv(1024):
                    raise Failed("the stream was cut off")
                most = max(most, process.pss_kib())
        self._keep("slow_reader_mib", (most - before) / 1024)

    def _open_streams(self, process: Process) -> None:
        """Memory that it takes for streams that stay open."""
        request = self._standing.address.request(self._standing.question(HELD, stream=True))
        before, wanted = process.pss_kib(), _streams_allowed()
        streams: list[Connection] = []
        try:
            opened = self._hold(streams, request, wanted)
            time.sleep(1.0)
            self._keep("open_streams", opened)
            self._keep("open_stream_kib", (process.pss_kib() - before) / max(1, opened))
            if opened < wanted:
                self.found.faults["open streams"] = f"{opened} of {wanted} had a first chunk; the others waited"
        finally:
            for stream in streams:
                stream.socket.close()

    def _hold(self, streams: list[Connection], request: bytes, wanted: int) -> int:
        waiting: dict[int, Connection] = {}
        with select.epoll() as poller:
            last = time.monotonic()
            while (len(streams) < wanted or waiting) and time.monotonic() < last + _STALLED_SECONDS:
                while len(streams) < wanted and len(waiting) < _OPENING:
                    stream = Connection(self._standing.address, request)
                    stream.ask(time.monotonic_ns())
                    streams.append(stream)
                    waiting[stream.socket.fileno()] = stream
                    poller.register(stream.socket.fileno(), select.EPOLLIN)
                for descriptor, _ in poller.poll(1.0):
                    waiting[descriptor].read()
                    if waiting[descriptor].first:
                        del waiting[descriptor]
                        poller.unregister(descriptor)
                        last = time.monotonic()
        return len(streams) - len(waiting)


def import_ms(cores: Cores, environment: Mapping[str, str] | None = None) -> float:
    """Milliseconds of `import tritium` in a fresh interpreter."""
    timed = "import time; began = time.perf_counter(); import tritium; print((time.perf_counter() - began) * 1e3)"
    with on_core(cores.gateway):
        runs = [subprocess.check_output([sys.executable, "-c", timed], env=environment) for _ in range(5)]
    return statistics.median(float(run) for run in runs)


def quantile(values: list[float], fraction: float) -> float | None:
    return sorted(values)[round(fraction * (len(values) - 1))] if values else None


def _streams_allowed() -> int:
    """A gateway has two sockets for each."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(OPEN_STREAMS, (most - 200) // 2 if most > 0 else OPEN_STREAMS)
