"""A process under measurement: started on its core, told apart with its descendants by CPU and memory, and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateways.isolation import on_core

_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    def __init__(self, command: Sequence[str], core: int, environment: Mapping[str, str], folder: Path) -> None:
        """In that folder, where its output is kept. Raises OSError if the command can't be started."""
        self._log = folder / "process.log"
        with on_core(core), self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def running(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        """All that it wrote so far."""
        return self._log.read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """User and system time of the process and those that descend from it."""
        return sum(cpu_seconds(pid) for pid in self._pids())

    def pss_kib(self) -> int:
        """Memory, with what is shared divided among those who share it."""
        return sum(_rollup_kib(pid, "Pss:") for pid in self._pids())

    def rss_kib(self) -> int:
        """Memory, with what is shared counted in full."""
        return sum(_rollup_kib(pid, "Rss:") for pid in self._pids())

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()

    def _pids(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for place in Path("/proc").glob("[0-9]*"):
            fields = _stat(int(place.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(place.name))
        found, new = [], [self._process.pid]
        while new:
            found.append(new.pop())
            new += children.get(found[-1], [])
        return found


def cpu_seconds(pid: int) -> float:
    """User and system time of one process; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def busy_seconds(cores: set[int]) -> float:
    """What these cores have spent on anything at all."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _idle, _wait, *others = (int(field) for field in fields[:8])
            ticks += user + nice + system + sum(others)
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _rollup_kib(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
