"""A dry run: the answer is the quote, in words for every client and as an event for those who read it; it is free."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType

from tritium.chat import Chunk, text_chunk
from tritium.fusion.quote import Quote, quote_text


class QuotedAnswer:
    """An answer like any other, so that whatever passes answers on needs to know nothing of it."""

    def __init__(self, quote: Callable[[], Awaitable[Quote]]) -> None:
        self._quote = quote

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        return self._chunks(await self._quote())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @staticmethod
    async def _chunks(quote: Quote) -> AsyncIterator[Chunk]:
        yield text_chunk(quote_text(quote))
        yield text_chunk("", "stop")
        yield Chunk(event={"type": "quote", "quote": quote})
