"""The way of chunks from a run to its reader."""

from __future__ import annotations

import asyncio

from tritium.chat import text_chunk
from tritium.fusion.chunk_queue import ChunkQueue


async def test_chunks_come_in_the_order_in_which_they_were_put_before_and_while_somebody_waits():
    chunks = ChunkQueue()
    chunks.put(text_chunk("a"))
    reading = asyncio.create_task(read(chunks))
    await asyncio.sleep(0)
    chunks.put(text_chunk("b"))
    chunks.put(text_chunk("c"))
    await asyncio.sleep(0)
    chunks.put(text_chunk("d"))
    chunks.end()

    assert await reading == "abcd"


async def test_the_end_stays_the_end_however_often_it_is_asked_for():
    chunks = ChunkQueue()
    chunks.end()

    assert [await chunks.next(), await chunks.next()] == [None, None]


async def test_a_reader_who_gave_up_takes_no_chunk_along():
    chunks = ChunkQueue()
    reading = asyncio.create_task(chunks.next())
    await asyncio.sleep(0)
    chunks.put(text_chunk("a"))
    reading.cancel()
    await asyncio.wait({reading})
    chunks.end()

    assert reading.cancelled()
    assert await read(chunks) == "a"


async def read(chunks: ChunkQueue) -> str:
    text = ""
    while (chunk := await chunks.next()) is not None:
        text += chunk.text
    return text
