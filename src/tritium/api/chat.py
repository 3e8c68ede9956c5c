"""POST /chat/completions: decode, open, answer in one piece or as a stream, settle."""

from __future__ import annotations

from typing import Any

from tritium.api.completion import Shape
from tritium.api.errors import Dialect, error_object, render_error
from tritium.api.exchange import Headers, Receive, Scope, Send, cancelled_when_client_leaves, read_body, send_json
from tritium.api.stream import EventStream
from tritium.chat import ChatRequest, Chunk, Completion
from tritium.config import Server
from tritium.errors import TritiumError
from tritium.gateway import Exchange, Gateway


async def chat_completions(
    gateway: Gateway, settings: Server, dialect: Dialect, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one chat request.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    body = await read_body(scope, receive, settings.max_body_bytes)
    request = ChatRequest.decode(body)
    exchange = gateway.chat(request)
    headers = [(b"x-generation-id", exchange.call.id.encode())]
    async with cancelled_when_client_leaves(receive):
        if request.streaming:
            await _stream(exchange, dialect, settings, headers, send)
        else:
            await _whole(exchange, headers, send)


async def _whole(exchange: Exchange, headers: Headers, send: Send) -> None:
    completion = Completion()
    only: Chunk | None = None
    run: Any = None
    async with exchange as chunks:
        async for chunk in chunks:
            if chunk.complete:
                only = chunk
            elif chunk.event is not None:
                run = _document(chunk) or run
            completion.add(chunk)
    shape = Shape(exchange.call.id, exchange.request.model)
    if only is not None:
        body = shape.passed_through(only, exchange.account, run)
    else:
        body = shape.completion(completion, exchange.account, run)
    await send_json(send, 200, body, headers)


async def _stream(exchange: Exchange, dialect: Dialect, settings: Server, headers: Headers, send: Send) -> None:
    shape = Shape(exchange.call.id, exchange.request.model)
    async with EventStream(send, headers, settings.keepalive_seconds) as stream:
        try:
            last, run = await _relay(exchange, shape, stream)
        except TritiumError as error:
            if not stream.started:
                raise
            status, _ = render_error(error, dialect)
            await stream.write(shape.failure(error_object(error, status, dialect)))
        else:
            # The account is complete only now, so the chunk that ends the answer has been kept back for it.
            if _usage_apart(exchange, dialect):
                if last is not None:
                    await stream.write(last)
                await stream.write(shape.usage(exchange.account, run))
            elif last is not None:
                await stream.write(shape.with_usage(last, exchange.account, run))
        await stream.end()


async def _relay(exchange: Exchange, shape: Shape, stream: EventStream) -> tuple[bytes | None, Any]:
    """Send the answer on; returns its last event, not sent yet, and a fusion's run."""
    wants_events = False
    last: bytes | None = None
    run: Any = None
    async with exchange as chunks:
        async for chunk in chunks:
            if chunk.event is not None:
                run = _document(chunk) or run
                wants_events = wants_events or bool(chunk.event.get("events"))
                if wants_events:
                    await stream.write(shape.progress(chunk.event))
                continue
            for part in _as_deltas(chunk):
                event = shape.chunk(part)
                if event is None:
                    continue
                if last is not None:
                    await stream.write(last)
                    last = None
                if part.finish_reason:
                    last = event
                else:
                    await stream.write(event)
    return last, run


def _as_deltas(chunk: Chunk) -> list[Chunk]:
    """A provider that was asked to stream and answered whole: its answer as one delta."""
    if not chunk.complete:
        return [chunk]
    return [Chunk(chunk.choices, chunk.usage, None, False, None, chunk.model, chunk.provider)]


def _usage_apart(exchange: Exchange, dialect: Dialect) -> bool:
    """OpenRouter's clients always get a last chunk without choices; OpenAI's only if they asked for one.

    A client that didn't ask may index `choices[0]` of every chunk: its usage rides on the chunk that ends the answer.
    """
    options = exchange.request.body.stream_options or {}
    return dialect == "openrouter" or bool(options.get("include_usage"))


def _document(chunk: Chunk) -> Any:
    """What the answer says of the run behind it."""
    if chunk.event.get("type") != "run":
        return None
    run = chunk.event["document"]
    return {
        "run": run.id,
        "decision": run.decision,
        "seats": [
            {
                "seat": seat.seat,
                "model": seat.model,
                "outcome": seat.outcome,
                "error": seat.error,
                "tokens": seat.tokens,
                "cost_usd": seat.cost_usd,
                "latency_ms": seat.latency_ms,
            }
            for seat in run.seats
        ],
        "receipt": {
            "cost_usd": run.receipt.cost_usd,
            "best_single_cost_usd": run.receipt.best_single_cost_usd,
            "latency_ms": run.receipt.latency_ms,
        },
        "warnings": run.warnings,
    }
