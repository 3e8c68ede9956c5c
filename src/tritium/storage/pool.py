"""Connections at rest, the last used first, and how many there may be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tritium.errors import StorageError

_MOST = 15
_KEPT = 5
_PATIENCE_SECONDS = 30.0


class Pool:
    """Lends a connection to one borrower at a time. Any thread may borrow."""

    def __init__(
        self,
        connect: Callable[[], Any],
        usable: Callable[[Any], bool],
        *,
        most: int = _MOST,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """At most so many are lent at a time; whoever comes then waits, but no longer than that."""
        self._connect = connect
        self._usable = usable
        self._patience_seconds = patience_seconds
        self._room = threading.BoundedSemaphore(most)
        self._resting: list[Any] = []
        self._kept = _KEPT

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """A connection; what is not committed when it comes back is rolled back.

        Raises:
            StorageError: all are lent, and none came back in time.
        """
        if not self._room.acquire(timeout=self._patience_seconds):
            raise StorageError("All connections to the database are in use. Fewer reads at a time, or shorter ones.")
        try:
            connection = self._rested() or self._connect()
            try:
                yield connection
            finally:
                self._take_back(connection)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close those that rest, and from now on each that comes back."""
        self._kept = 0
        while self._resting:
            self._resting.pop().close()

    def _rested(self) -> Any:
        with suppress(IndexError):
            while True:
                connection = self._resting.pop()
                if self._usable(connection):
                    return connection
                connection.close()
        return None

    def _take_back(self, connection: Any) -> None:
        try:
            connection.rollback()
        except Exception:  # noqa: BLE001 whatever it is, the connection is lost, and its borrower has heard of it
            connection.close()
            return
        if len(self._resting) < self._kept:
            self._resting.append(connection)
        else:
            connection.close()
