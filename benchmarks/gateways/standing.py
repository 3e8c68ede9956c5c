"""A gateway that stands: installed, set up, started, answering, and stopped at the end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateways.isolation import Cores
from gateways.load import Address, Failed, ask_once
from gateways.peers import PEERS, Peer, Place
from gateways.process import Process
from gateways.provider import PLAIN

_START_SECONDS = 90.0
_MESSAGE = "How do tides work, and why are there two a day?"


@dataclass(frozen=True)
class Standing:
    """`process` is None where there is no gateway. `start_seconds` is from its start to its first answer."""

    name: str
    peer: Peer
    address: Address
    process: Process | None
    start_seconds: float

    def question(self, model: str, *, stream: bool = False, characters: int = 0) -> bytes:
        """A request's body; with `characters`, of a prompt of about that length."""
        text = _MESSAGE * max(1, characters // len(_MESSAGE))
        question = {"model": self.peer.model.format(model), "messages": [{"role": "user", "content": text}]}
        return json.dumps(question | ({"stream": True} if stream else {})).encode()


@dataclass(frozen=True)
class MockProvider:
    port: int
    pid: int


@contextlib.contextmanager
def mock_provider(module: str = "gateways.provider") -> Iterator[MockProvider]:
    """On this process's core."""
    command = [sys.executable, "-m", module]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield MockProvider(int(process.stdout.readline()), process.pid)
        finally:
            process.stdin.close()


@contextlib.contextmanager
def standing(
    name: str,
    cores: Cores,
    installed: Path,
    upstream_port: int,
    peers: Mapping[str, Callable[[Place], Peer]] = PEERS,
) -> Iterator[Standing]:
    """The gateway in a folder of its own.

    Raises:
        Failed: it ended, or didn't answer in a minute and a half; with the last that it said.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Place(installed, Path(folder), upstream_port, _free_port())
        peer = peers[name](place)
        if not peer.command:
            yield Standing(name, peer, Address(upstream_port), None, 0.0)
            return
        # No setting of the user's own, no key, no proxy.
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", **peer.environment}
        began = time.monotonic()
        process = Process(peer.command, cores.gateway, environment, place.folder)
        try:
            address = _first_answer(peer, process, place.port, began)
            yield Standing(name, peer, address, process, time.monotonic() - began)
        finally:
            process.stop()


def _first_answer(peer: Peer, process: Process, port: int, began: float) -> Address:
    question = Standing("", peer, Address(port), process, 0.0).question(PLAIN)
    problem: Exception | None = None
    while process.running() and time.monotonic() < began + _START_SECONDS:
        try:
            address = Address(_announced(peer, process) or port, peer.path, peer.headers)
            ask_once(address, question)
            return address
        except (Failed, OSError) as error:
            problem = error
            time.sleep(0.002)
    raise Failed(f"{problem}. It said: {process.said()[-2000:]}")


def _announced(peer: Peer, process: Process) -> int | None:
    """The port that it took for itself; None where it takes ours."""
    if not peer.announces:
        return None
    found = re.search(re.escape(peer.announces) + r"http://127\.0\.0\.1:(\d+)", process.said())
    if not found:
        raise Failed("it has not said where it listens")
    return int(found[1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
