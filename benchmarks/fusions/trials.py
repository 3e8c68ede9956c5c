"""What is asked of a competitor that stands, and the figures that come of it, by their names in `figures.py`."""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fusions.asking import Asked, Asking, waiting
from fusions.competitors import (
    ALL_OF_TAILED,
    FUSIONS,
    INSTANTLY,
    INSTANTLY_JUDGED,
    JUDGED,
    PATIENT,
    TWO_OF_TAILED,
    UNANSWERED,
    UNWRITTEN,
    WRITTEN,
)
from fusions.members import JUDGE_SECONDS, NORMAL, SEATS, WRITER_SECONDS, panel_seconds
from gateways.isolation import Cores, on_core
from gateways.load import Connection, Failed
from gateways.process import Process, busy_seconds, cpu_seconds
from gateways.scenarios import Found, quantile
from gateways.standing import MockProvider, Standing

CONNECTIONS = 32
RUNS_LEFT = 30
_PROGRAM = Path(__file__).parent / "programs" / "cancelled.py"
_TIDY_SECONDS = 0.1
_PATIENCE_SECONDS = 20.0
_OPENING = 32
"""Runs that may be on their way to the writer at a time."""


@dataclass(frozen=True)
class Amount:
    """How much is asked: fusions one at a time, fusions 32 at once, seconds of instant ones, runs held open."""

    alone: int
    together: int
    seconds: float
    held: int


class Trial:
    def __init__(self, up: Standing, process: Process, provider: MockProvider, cores: Cores, amount: Amount) -> None:
        self._up, self._process, self._provider, self._amount = up, process, provider, amount
        self._cores = {cores.gateway, cores.load}
        self._fusions = FUSIONS[up.name]
        self.found = Found()

    def beyond_the_minimum(self) -> None:
        for name, judge_seconds in ((WRITTEN, 0.0), (JUDGED, JUDGE_SECONDS)):
            for connections, count in ((1, self._amount.alone), (CONNECTIONS, self._amount.together)):
                if name not in self._fusions:
                    continue
                asked = self._ask(name, connections, count)
                beyond = [
                    milliseconds - (panel_seconds(NORMAL, identity) + judge_seconds + WRITER_SECONDS) * 1e3
                    for identity, milliseconds in asked.milliseconds.items()
                ]
                self._keep(f"{name}_{connections}_p50_ms", quantile(beyond, 0.5))
                self._keep(f"{name}_{connections}_p95_ms", quantile(beyond, 0.95))

    def quorum(self) -> None:
        if TWO_OF_TAILED not in self._fusions:
            return
        late = {
            name: quantile(list(self._ask(name, CONNECTIONS, self._amount.together).milliseconds.values()), 0.95)
            for name in (ALL_OF_TAILED, TWO_OF_TAILED, PATIENT)
        }
        whole = late[ALL_OF_TAILED]
        if whole:
            self._keep("two_of_three", (late[TWO_OF_TAILED] or 0) / whole)
            self._keep("two_of_three_and_grace", (late[PATIENT] or 0) / whole)

    def instant(self) -> None:
        for name in (INSTANTLY, INSTANTLY_JUDGED):
            if name not in self._fusions:
                continue
            self._ask(name, CONNECTIONS, _for_seconds(self._amount.seconds / 4))
            gc.collect()
            gc.disable()
            began, busy = time.monotonic(), busy_seconds(self._cores)
            load = time.process_time() + cpu_seconds(self._provider.pid)
            used = self._process.cpu_seconds()
            asked = self._ask(name, CONNECTIONS, _for_seconds(self._amount.seconds))
            used = self._process.cpu_seconds() - used
            load = time.process_time() + cpu_seconds(self._provider.pid) - load
            foreign = busy_seconds(self._cores) - busy - load - used
            gc.enable()
            self.found.foreign_cores.append(max(0.0, foreign) / (time.monotonic() - began))
            if asked.count:
                self._keep(f"{name}_per_core_second", asked.count / used)
                self._keep(f"{name}_per_second", asked.count / asked.seconds)

    def left(self) -> None:
        """Callers who leave while the members are being asked: how many members are asked on, 100 ms later."""
        still = 0
        for connection in Asking(self._up, self._fusions[UNANSWERED]).left(RUNS_LEFT):
            with connection.socket:
                self._wait_for(still + SEATS)
            time.sleep(_TIDY_SECONDS)
            still = waiting(self._provider.port)
        self._keep("seats_left", still)

    def held(self) -> None:
        """Memory of runs whose members have answered and whose writer is silent."""
        self._ask(INSTANTLY, 4, _for_seconds(0.3))
        runs: list[Connection] = []
        before = self._process.pss_kib()
        try:
            for connection in Asking(self._up, self._fusions[UNWRITTEN]).left(self._amount.held):
                runs.append(connection)
                if len(runs) % _OPENING == 0:
                    self._wait_for(len(runs))
            self._wait_for(len(runs))
            time.sleep(0.5)
            self._keep("run_kib", (self._process.pss_kib() - before) / len(runs))
        finally:
            for connection in runs:
                connection.socket.close()

    def _wait_for(self, members: int) -> None:
        over = time.monotonic() + _PATIENCE_SECONDS
        while (now := waiting(self._provider.port)) != members:
            if time.monotonic() > over:
                raise Failed(f"{now} members are being asked in place of {members}")
            time.sleep(0.002)

    def _ask(self, name: str, connections: int, identities: int | Iterator[str]) -> Asked:
        if isinstance(identities, int):
            identities = (f"{number:010d}" for number in range(identities))
        asked = Asking(self._up, self._fusions[name]).times(identities, connections)
        if asked.faults:
            self.found.faults[name] = f"{asked.faults} of {asked.count + asked.faults}: {asked.first_fault}"
        return asked

    def _keep(self, name: str, value: float | None) -> None:
        if value is not None:
            self.found.figures[name] = value


SCENARIOS: tuple[Callable[[Trial], None], ...] = (
    Trial.beyond_the_minimum,
    Trial.quorum,
    Trial.instant,
    Trial.left,
    Trial.held,
)


def left_within(config: Path, cores: Cores) -> dict[str, float]:
    """What runs that are left keep inside of Tritium's own process."""
    command = [sys.executable, str(_PROGRAM), str(config), UNANSWERED, str(RUNS_LEFT)]
    with on_core(cores.gateway):
        found = json.loads(subprocess.check_output(command))
    return {"tasks_left": found["tasks"], "sockets_left": found["sockets"]}


def _for_seconds(seconds: float) -> Iterator[str]:
    over = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > over:
            return
        yield f"{number:010d}"
