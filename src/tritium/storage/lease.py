"""A sign of life: a file that a process keeps locked, so that others can tell whether it still runs.

The operating system lets go of the lock when the process ends, however it ends.
"""

from __future__ import annotations

import errno
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

_TRIES = 20


class Lease:
    """This process's sign of life. `name` says the machine and a random word."""

    def __init__(self, folder: Path) -> None:
        """Take it.

        Raises:
            OSError: the folder can't be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            word = secrets.token_hex(8)
            self.name = f"{socket.gethostname()}/{word}"
            self._path = folder / f"{word}.lease"
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with suppress(OSError):
                _lock(self._descriptor)
                if self._path.exists():
                    return
            os.close(self._descriptor)  # somebody who looked for the dead was quicker than our lock
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(folder))

    def close(self) -> None:
        """Give it up: everything it stood for has been settled."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


def is_dead(folder: Path, name: str) -> bool:
    """Whether the process of that name is gone."""
    return _is_free(folder / f"{name.rpartition('/')[2]}.lease", delete=False)


def forget_dead(folder: Path) -> None:
    """Delete the files of processes that are gone."""
    for path in folder.glob("*.lease") if folder.is_dir() else ():
        _is_free(path, delete=True)


def _is_free(path: Path, *, delete: bool) -> bool:
    """Whether nobody holds the file; it is deleted under our own lock, lest somebody take it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        _lock(descriptor)
        if delete:
            with suppress(OSError):  # Windows lets nobody delete what is open
                path.unlink(missing_ok=True)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
