"""The question, put together: words from the command line, standard input, files."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tritium.cli.terminal import note
from tritium.errors import InvalidRequest

MAX_FILE_BYTES = 5_000_000
_SILENCE_SECONDS = 2.0


def read_question(words: Sequence[str], files: Sequence[Path], stdin: TextIO | None) -> str:
    """Words joined; with none, or `-`, standard input is the question; with both, it comes after as material.

    Raises:
        InvalidRequest: nothing was asked, or a file can't be used.
    """
    asked = " ".join(word for word in words if word != "-").strip()
    parts = [asked, _read_input(stdin, wanted="-" in words or not asked), *map(_fenced, files)]
    question = "\n\n".join(part for part in parts if part)
    try:
        question.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The question is not text (UTF-8).") from None
    if not question.strip():
        raise InvalidRequest("There is no question. Ask one: tritium ask 'How far is the moon?', or pipe one in.")
    return question


def _read_input(stdin: TextIO | None, *, wanted: bool) -> str:
    """What is piped in. A terminal is only read when it was asked for, by `-`."""
    if stdin is None or stdin.closed:
        return ""
    if stdin.isatty():
        if not wanted:
            return ""
        note("Type your question, then Ctrl-D.")
    waiting = threading.Timer(_SILENCE_SECONDS, lambda: note("Waiting for standard input to end ..."))
    waiting.daemon = True
    if not stdin.isatty():
        waiting.start()
    try:
        return stdin.read().strip()
    except UnicodeDecodeError:
        raise InvalidRequest("Standard input is not text (UTF-8).") from None
    finally:
        waiting.cancel()


def _fenced(path: Path) -> str:
    """A file under its name, in a fence longer than any in it."""
    text = _read_text(path)
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{path.name}:\n{fence}\n{text.rstrip()}\n{fence}"


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"Can't read --file {str(path)!r}: {error.strerror}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"--file {str(path)!r} is larger than {MAX_FILE_BYTES // 1_000_000} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidRequest(f"--file {str(path)!r} is not a text file (UTF-8); only text can be sent.")
    return text


def standard_input() -> TextIO | None:
    return sys.stdin
