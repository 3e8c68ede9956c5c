"""An answer on its way out, in any dialect: in one piece or as events; an encoder knows the shape, this knows when.

The status goes out as late as it can: until the first event a failure keeps its own. After that it is an event.
"""

from __future__ import annotations

from typing import Any, Protocol

from tritium.api.exchange import Headers, cancelled_when_client_leaves
from tritium.api.response_cache import Wish, from_cache
from tritium.api.run_summary import run_summary
from tritium.api.stream import EventStream
from tritium.api.visit import Visit
from tritium.chat import Chunk, Completion
from tritium.errors import TritiumError
from tritium.gateway import Account, Exchange


class Encoder(Protocol):
    """One answer in one dialect's shape; made anew for each. Every event is bytes, ready to be written."""

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:
        """The answer in one piece. `only`: a provider's own whole answer; `run`: what to say of a fusion behind it."""
        ...

    def begin(self) -> bytes:
        """What opens a stream before anything is known; may be empty."""
        ...

    def part(self, chunk: Chunk) -> list[bytes]:
        """A piece of the answer."""
        ...

    def progress(self, event: Any) -> list[bytes]:
        """What a fusion is doing; the encoder knows whether its client is to be told.

        It hears this of an answer in one piece too, where what it returns is not sent.
        """
        ...

    def end(self, account: Account, run: Any) -> list[bytes]:
        """What closes a stream, usage in it: only now is the account complete."""
        ...

    def failure(self, error: TritiumError) -> list[bytes]:
        """What closes a stream that failed."""
        ...


async def send_answer(visit: Visit, exchange: Exchange, encoder: Encoder, headers: Headers = ()) -> None:
    """Answer the client, whole or as a stream, as its request says; stops as soon as the client leaves.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    wish = Wish.read(visit)
    if wish is not None:
        exchange, cached = await from_cache(visit, exchange, wish)
        headers = (*cached, *headers)
    visit.generation_id = exchange.call.id
    headers = ((b"x-generation-id", exchange.call.id.encode()), *headers)
    send = _stream if exchange.request.streaming else _whole
    if visit.watched:
        await send(visit, exchange, encoder, headers)
        return
    async with cancelled_when_client_leaves(visit.receive):
        await send(visit, exchange, encoder, headers)


async def _whole(visit: Visit, exchange: Exchange, encoder: Encoder, headers: Headers) -> None:
    completion = Completion()
    run: Any = None
    only = await exchange.only()
    if only is not None:
        completion.add(only)
        only = only if only.complete else None  # of another dialect: there is nothing of it to pass through
    else:
        async with exchange as chunks:
            async for chunk in chunks:
                if chunk.complete:
                    only = chunk
                elif chunk.event is not None:
                    run = run_summary(chunk.event) or run
                    encoder.progress(chunk.event)
                completion.add(chunk)
    await visit.json(encoder.whole(completion, only, exchange.account, run), 200, headers)


async def _stream(visit: Visit, exchange: Exchange, encoder: Encoder, headers: Headers) -> None:
    seconds = visit.services.settings.keepalive_seconds
    async with EventStream(visit.send, headers, seconds, encoder.begin()) as stream:
        try:
            run = await _relay(exchange, encoder, stream)
        except TritiumError as error:
            if not stream.started:
                raise
            closing = encoder.failure(error)
        else:
            closing = encoder.end(exchange.account, run)
        await stream.end(b"".join(closing))


async def _relay(exchange: Exchange, encoder: Encoder, stream: EventStream) -> Any:
    """Send the pieces on as they come; returns what to say of a fusion's run."""
    run: Any = None
    async with exchange as chunks:
        async for chunk in chunks:
            if chunk.event is None:
                events = encoder.part(_as_delta(chunk) if chunk.complete else chunk)
            else:
                run = run_summary(chunk.event) or run
                events = encoder.progress(chunk.event)
            for event in events:
                await stream.write(event)
    return run


def _as_delta(chunk: Chunk) -> Chunk:
    """A provider that was asked to stream and answered whole: its answer as one delta."""
    return Chunk(chunk.choices, chunk.usage, None, False, None, chunk.model, chunk.provider)
