"""Answers into a pipe: the text alone, as it comes."""

from __future__ import annotations

import sys
from typing import Self

from tritium.chat import Chunk


class Pipe:
    """A watcher that writes the answer to standard output and ends it with a newline."""

    def __init__(self) -> None:
        self._last = ""

    def take(self, chunk: Chunk) -> None:
        if chunk.text:
            self._last = chunk.text
            sys.stdout.write(chunk.text)
            sys.stdout.flush()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._last and not self._last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()
