"""The command line as a user has it: in this process for what it prints, in one of its own at a terminal."""

from __future__ import annotations

import io
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tritium.cli import main
from tritium.config import Config
from tritium.providers.registry import vendors

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no servers, no models, no configuration but an empty data folder."""
    for name in {key for row in vendors(Config(), {}).values() for key in row.keys}:
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config.toml"
    config.write_text("[local]\ndetect_servers = false\n[fusion]\ngrace_seconds = 0.1\n")
    monkeypatch.setenv("TRITIUM_CONFIG", str(config))
    monkeypatch.setenv("TRITIUM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # whoever fetches in a test finds nothing, at once
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Tritium = Callable[..., Result]


@pytest.fixture
def tritium(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tritium:
    """`tritium("ask", "hello")`: run a command, with a pipe on either side."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "argv", ["tritium", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return run


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, arguments: tuple[str, ...], columns: int, lines: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.raw = ""
        self._typed_at = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tritium", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - so that Ctrl-C reaches it
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """What was written, without the commands to the terminal."""
        return _ESCAPES.sub("", self.raw).replace("\r", "\n")

    def type(self, keys: str) -> None:
        self._typed_at = len(self.text)
        os.write(self._master, keys.encode())

    def wait_for(self, words: str) -> None:
        """Until it has said so since the keys that were typed last."""
        until = time.monotonic() + 20
        while words not in self.text[self._typed_at :]:
            assert time.monotonic() < until, f"never said {words!r}: {self.text}"
            assert self._read(), f"ended without {words!r}: {self.text}"

    def end(self) -> int:
        """Wait until it is over; its exit code."""
        while self._read():
            pass
        return self._process.wait(20)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 20)[0]:
            raise AssertionError(f"it hangs: {self.text}")
        try:
            data = os.read(self._master, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.raw += data.decode("utf-8", "replace")
        return bool(data)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal() -> Iterator[Open]:
    """`terminal("ask", "hello", columns=60)`: start a command at a terminal."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals of this kind")
    opened: list[Terminal] = []

    def start(*arguments: str, columns: int = 120, lines: int = 30) -> Terminal:
        opened.append(Terminal(arguments, columns, lines))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
