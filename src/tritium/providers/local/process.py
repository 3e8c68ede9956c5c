"""Our end of the pipes to a model's process (`engine`): start it, ask it, stop it. Blocking; used from one thread.

Only `cancel` and `kill` may be called from another thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import msgspec
from msgspec import Struct

from tritium.providers.local.faults import (
    PROVIDER,
    GenerationFailed,
    GenerationRefused,
    ModelUnloadable,
    RuntimeMissing,
)

_ENDING_SECONDS = 5


class EngineSettings(Struct, frozen=True):
    """How a model is loaded. `threads` write the answer, `prompt_threads` read the prompt."""

    id: str
    path: str
    context_length: int
    threads: int
    prompt_threads: int


class _Error(Struct, frozen=True):
    message: str
    code: int = 500
    type: str = "server_error"


class EngineProcess:
    """A running engine; not loaded yet when it is made."""

    def __init__(self, settings: EngineSettings) -> None:
        """Start the process.

        Raises:
            RuntimeMissing: llama.cpp is not installed.
        """
        if find_spec("xllamacpp") is None:
            raise RuntimeMissing(
                "embedded models need llama.cpp, which is not installed; install 'tritium[local]'", provider=PROVIDER
            )
        self._settings = settings
        self._loaded = False
        self._writing = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603  # our own module, no shell
            [sys.executable, "-P", "-m", "tritium.providers.local.engine", msgspec.json.encode(settings).decode()],
            # Threads that spin at barriers make a busy machine five to ten times slower.
            env={"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", **os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us to handle
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_loaded(self) -> None:
        """Return at once when it is.

        Raises:
            ModelUnloadable
        """
        if self._loaded:
            return
        line = self._read()
        if line[:1] != b"R":
            reason = msgspec.json.decode(line[1:], type=str) if line else self._ending()
            self.kill()
            raise ModelUnloadable(
                f"llama.cpp can't load {self._settings.path!r}: {reason.rstrip('.')}. The file may be damaged, or need "
                "a newer xllamacpp",
                provider=PROVIDER,
            )
        self._loaded = True

    def answer(self, request_id: int, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Ask, and yield the answer's chunks; must be read to its end.

        Raises:
            GenerationRefused: the request is at fault.
            GenerationFailed: the engine is, or it was killed.
        """
        self._ask(request_id, body)
        refusal: GenerationRefused | GenerationFailed | None = None
        while (line := self._read()) and line[:1] != b"D":
            if line[:1] == b"C":
                yield msgspec.json.decode(line[1:])
            else:
                refusal = _fault(msgspec.json.decode(line[1:], type=_Error))
        if not line:
            raise self._gone()
        if refusal:
            raise refusal

    def cancel(self, request_id: int) -> None:
        """Have that answer end early, if it is still going on."""
        with suppress(OSError, ValueError):  # it is gone; ValueError: and its pipe closed
            self._send(msgspec.json.encode({"cancel": request_id}))

    def kill(self) -> None:
        """End it at once; nothing in it is worth keeping."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Kill it and give the pipes back."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def _ask(self, request_id: int, body: Mapping[str, Any]) -> None:
        try:
            message = msgspec.json.encode({"id": request_id, "body": body})
        except (TypeError, ValueError) as odd:  # half a surrogate pair, say
            raise GenerationRefused(
                f"the request can't be written as JSON: {odd}", status=400, type="invalid_request_error"
            ) from odd
        try:
            self._send(message)
        except OSError as broken:
            raise self._gone() from broken

    def _send(self, message: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        with self._writing:
            self._process.stdin.write(message + b"\n")
            self._process.stdin.flush()

    def _read(self) -> bytes:
        """One line, or nothing when the process has ended."""
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        return self._process.stdout.readline()

    def _gone(self) -> GenerationFailed:
        return GenerationFailed(f"the process of {self._settings.id!r} ended while it answered: {self._ending()}")

    def _ending(self) -> str:
        """How it ended; its pipes are closed, so it has or is about to."""
        try:
            status = self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it closed its pipes and hung"
        if status >= 0:
            return f"exit status {status}"
        name = signal.Signals(-status).name
        hint = " (this processor lacks the instructions AVX2 and FMA)" if name == "SIGILL" else ""
        return f"killed by {name}{hint}"


def _fault(error: _Error) -> GenerationRefused | GenerationFailed:
    kind = GenerationRefused if 400 <= error.code < 500 else GenerationFailed
    return kind(error.message, status=error.code, type=error.type)
