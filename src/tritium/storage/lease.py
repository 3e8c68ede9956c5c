"""A sign of life: a file that a process keeps locked, so that others can tell whether it still runs.

The operating system lets go of the lock when the process ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FOREIGN_SECONDS = 86_400
"""A process on another machine can't be looked at: it is taken for dead when what it began is so old."""


class Lease:
    """This process's sign of life. `name` says the machine and a random word."""

    def __init__(self, folder: Path) -> None:
        """Take it.

        Raises:
            OSError: the folder can't be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        word = secrets.token_hex(8)
        self.name = f"{socket.gethostname()}/{word}"
        self._path = folder / f"{word}.lease"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _lock(self._descriptor)

    def close(self) -> None:
        """Give it up: everything it stood for has been settled."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


def is_dead(folder: Path, name: str, age_seconds: float) -> bool:
    """Whether the process of that name is gone, as far as can be told from here."""
    machine, _, word = name.rpartition("/")
    if machine != socket.gethostname():
        return age_seconds > FOREIGN_SECONDS
    path = folder / f"{word}.lease"
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def forget_dead(folder: Path) -> None:
    """Delete the files of processes that are gone."""
    for path in folder.glob("*.lease") if folder.is_dir() else ():
        if is_dead(folder, f"{socket.gethostname()}/{path.stem}", 0):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
