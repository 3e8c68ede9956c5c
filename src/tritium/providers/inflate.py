"""Undo a content-encoding that a server used although it was asked not to, a bounded piece at a time."""

from __future__ import annotations

import zlib

ENCODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})

PIECE = 64 * 1024
"""Most bytes made by one step, so that a small body cannot become a large one in memory."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Inflater:
    """One body. `feed` compressed bytes, then `take` until it gives b""; `ended` says whether the body is whole.

    `total` counts the bytes taken.
    """

    __slots__ = ("_engine", "_gzip", "_pending", "total")

    def __init__(self, encoding: bytes) -> None:
        """`encoding` is one of ENCODINGS."""
        self._gzip = encoding != b"deflate"
        self._engine: zlib._Decompress | None = None
        self._pending = b""
        self.total = 0

    def feed(self, data: bytes) -> None:
        self._pending += data
        if self._engine is None and data:
            # "deflate" means the zlib format, but some servers send the bare stream. A zlib header's low
            # nibble is 8; a bare stream starts so only with a stored block whose padding is not zero.
            self._engine = zlib.decompressobj(_GZIP if self._gzip else _ZLIB if data[0] & 0x0F == 8 else _RAW)

    def take(self) -> bytes:
        """At most PIECE bytes.

        Raises:
            zlib.error: the data is not what its encoding says.
        """
        while self._engine is not None:
            if self._engine.eof:
                if not (self._gzip and self._pending):
                    break
                self._engine = zlib.decompressobj(_GZIP)  # a gzip body may be several, end to end
            data = self._engine.decompress(self._pending, PIECE)
            self._pending = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail
            self.total += len(data)
            if data or not self._engine.eof:
                return data
        return b""

    @property
    def ended(self) -> bool:
        return self._engine is None or self._engine.eof
