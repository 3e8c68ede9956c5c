"""Every fault of providers and of clients, whole and streamed: what is told, what is billed, what is left open.

The provider here keeps its own bill: the tokens it last said on the wire, nothing where it refused. Where it never got
to say them, nobody but it knows its bill, and the ledger has to mark its figure as an estimate.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tritium.api.lane import cut_off_the_slow

INPUT, OUTPUT = 1, 2
"""Dollars per million tokens, and so thousands of nano-dollars per token."""
LIMITS = {"connect_seconds": 1, "first_byte_seconds": 0.3, "between_bytes_seconds": 0.3, "total_seconds": 0.7}
USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
_SAID = re.compile(rb'"prompt_tokens": (\d+), "completion_tokens": (\d+)')

_TLS_HANDSHAKE = b"\x16"

STALL, ENDLESS, COMMENTS, CLOSE = "stall", "endless", "comments", "close"


@dataclass
class Fake:
    """A provider that does one thing to each request, and knows what it is owed."""

    script: list[Any] = field(default_factory=list)
    """Bytes to send, then perhaps what to do after them."""
    url: str = ""
    requests: int = 0
    open: int = 0
    sent: bytearray = field(default_factory=bytearray)

    @property
    def billed_nanodollars(self) -> int | None:
        """None where it never said."""
        said = _SAID.findall(self.sent)
        if said:
            return (int(said[-1][0]) * INPUT + int(said[-1][1]) * OUTPUT) * 1000
        return 0 if not self.requests or (self.sent and b" 200 " not in self.sent[:16]) else None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while True:
                first = await reader.readexactly(1)
                if first == _TLS_HANDSHAKE:
                    writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
                    return
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
                self.requests += 1
                self.sent.clear()
                for step in self.script:
                    if step == CLOSE:
                        return
                    if step == STALL:
                        await reader.read()
                        return
                    if step in (ENDLESS, COMMENTS):
                        await self._go_on(writer, event(piece("on ")) if step == ENDLESS else b": still here\n\n")
                        return
                    self.sent += step
                    writer.write(step)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _go_on(self, writer: asyncio.StreamWriter, saying: bytes) -> None:
        while True:
            writer.write(chunk(saying))
            await writer.drain()
            await asyncio.sleep(0.01)


def piece(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def event(document: Any) -> bytes:
    return b"data: " + (document if isinstance(document, bytes) else json.dumps(document).encode()) + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(*documents: Any, finished: bool = True) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(chunk(event(each)) for each in documents) + (b"0\r\n\r\n" if finished else b"")


def replied(status: int, body: bytes, content_type: str = "application/json", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def answered(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    document = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    return json.dumps(document).encode()


BEGUN = streamed(piece("Half ", usage=USAGE), finished=False)
"""Its bill comes with its first word, so that it is known however the answer ends."""
REFUSAL = b'{"error": {"message": "no"}}'
HTML = b"<html><body>Bad gateway</body></html>"
BOMB = gzip.compress(bytes(100_000_000), 1)
ZIPPED = "content-encoding: gzip\r\n"
MILLION = "a" * 1_000_000
LONG = [streamed(*[piece(MILLION)] * 10, piece("", "stop", usage=USAGE), b"[DONE]")]
GOOD = {
    False: [replied(200, answered("Fine"))],
    True: [streamed(piece("Fine", usage=USAGE), piece("", "stop", usage=USAGE), b"[DONE]")],
}


@dataclass(frozen=True)
class Fault:
    """What the caller is told, and what the provider does: `whole` to a request for either form, unless `stream` is
    given for the other.
    """

    status: int
    kind: str
    whole: list[Any]
    stream: list[Any] | None = None
    outcome: str = "failed"
    midway: bool = False
    """A stream has begun by then: its failure is its last event, and the status is 200."""
    retry_after: str | None = None


def unavailable(*whole: Any, **more: Any) -> Fault:
    return Fault(502, "provider_unavailable", list(whole), **more)


def late(*whole: Any, **more: Any) -> Fault:
    return Fault(504, "timeout", list(whole), outcome="timeout", **more)


LIMITED = replied(429, REFUSAL, headers="retry-after: 7\r\n")
FAULTS = {
    "connection refused": unavailable(),
    "DNS failure": unavailable(),
    "TLS failure": unavailable(),
    "401": unavailable(replied(401, REFUSAL)),
    "402": Fault(402, "payment_required", [replied(402, REFUSAL)]),
    "429": Fault(429, "rate_limit_exceeded", [replied(429, REFUSAL)]),
    "429 with Retry-After": Fault(429, "rate_limit_exceeded", [LIMITED], retry_after="7"),
    "500": unavailable(replied(500, REFUSAL)),
    "503": Fault(503, "provider_overloaded", [replied(503, REFUSAL)]),
    "504": late(replied(504, REFUSAL)),
    "hangs up before it answers": unavailable(CLOSE),
    "HTML error page": unavailable(replied(502, HTML, "text/html")),
    "HTML page as an answer": unavailable(replied(200, HTML, "text/html")),
    "empty body": unavailable(replied(200, b""), stream=[streamed()]),
    "truncated JSON": unavailable(
        replied(200, answered("x")[:-40]), stream=[BEGUN + chunk(event(b'{"choices": [{"ind'))], midway=True
    ),
    "malformed SSE": unavailable(streamed(b"{]", b"nonsense")),
    "no SSE at all": unavailable(streamed(finished=False) + chunk(b"dada: x\n\n\0\0\n\n") + b"0\r\n\r\n"),
    "error event midway": unavailable(
        BEGUN + chunk(event({"error": {"code": 500, "message": "no"}})) + b"0\r\n\r\n", midway=True
    ),
    "hangs up midway": unavailable(BEGUN, CLOSE, midway=True),
    "stalls before it answers": late(STALL),
    "stalls midway": late(BEGUN, STALL, midway=True),
    "never ends": late(BEGUN, ENDLESS, midway=True),
    "never says a word": late(streamed(finished=False), COMMENTS),
    "falls silent but for comments": late(BEGUN, COMMENTS, midway=True),
    "wrong content type": unavailable(replied(200, b"Hello, I am a model.", "text/plain")),
    "gzip bomb": unavailable(
        replied(200, BOMB, headers=ZIPPED), stream=[replied(200, BOMB, "text/event-stream", ZIPPED)]
    ),
    "one event of 10 MB": unavailable(streamed(piece(MILLION * 10))),
}


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    state = Fake()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(state.talk(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield state
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def gateway(serve, fake, tmp_path):
    """`gateway(url)`: one before the fake, or before that address; its limits are small, its prices known."""

    async def start(url: str | None = None) -> Any:
        provider = {"base_url": url or fake.url, "models": ["m"], **LIMITS}
        prices = {"vendor/m": {"input": INPUT, "output": OUTPUT}}
        return await serve({"providers": {"vendor": provider}, "prices": prices})

    return start


def request(streaming: bool, text: str = "Hi there, you") -> dict[str, Any]:
    return {"model": "vendor/m", "messages": [{"role": "user", "content": text}], "stream": streaming}


async def post(live: Any, streaming: bool, path: str = "/api/v1", text: str = "Hi there, you") -> httpx2.Response:
    async with httpx2.AsyncClient(verify=False) as client:  # no TLS here: loading its certificates takes long
        return await client.post(f"{live.url}{path}/chat/completions", json=request(streaming, text), timeout=20)


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def streaming(request) -> bool:
    return request.param


@pytest.mark.parametrize("name", FAULTS)
async def test_a_providers_fault_is_told_billed_and_over(gateway, fake, monkeypatch, name, streaming):
    fault = FAULTS[name]
    fake.script = (fault.stream or fault.whole) if streaming else fault.whole
    live = await gateway(address(name, fake, monkeypatch))

    answer = await post(live, streaming)

    error = last_event(answer)["error"] if streaming and fault.midway else answer.json()["error"]
    assert answer.status_code == (200 if streaming and fault.midway else fault.status)
    assert (error["code"], error["metadata"]["error_type"]) == (fault.status, fault.kind)
    assert error["metadata"]["provider_name"] == "vendor"
    assert answer.headers.get("retry-after") == fault.retry_after
    row = await only_row(live, answer.headers["x-generation-id"])
    assert (row.outcome, row.streamed) == (fault.outcome, streaming)
    assert_billed(row, fake)
    await assert_over(live, fake)


@pytest.mark.parametrize("name", ["401", "503", "error event midway"])
async def test_openais_clients_are_told_in_their_words(gateway, fake, monkeypatch, name, streaming):
    fault = FAULTS[name]
    fake.script = fault.whole
    live = await gateway()

    answer = await post(live, streaming, "/v1")

    error = last_event(answer)["error"] if streaming and fault.midway else answer.json()["error"]
    assert error["code"] == error["metadata"]["error_type"] == fault.kind
    assert set(error) == {"message", "type", "param", "code", "metadata"}


async def test_an_answer_of_10_megabytes_arrives(gateway, fake, streaming):
    fake.script = LONG if streaming else [replied(200, answered(MILLION * 10))]
    live = await gateway()

    answer = await post(live, streaming)

    assert answer.status_code == 200
    assert answer.text.count("a" * 100_000) == 100
    row = await only_row(live, answer.headers["x-generation-id"])
    assert row.outcome == "ok"
    assert_billed(row, fake)
    await assert_over(live, fake)


async def test_a_question_of_10_megabytes_is_asked(gateway, fake, streaming):
    fake.script = GOOD[streaming]
    live = await gateway()

    answer = await post(live, streaming, text=MILLION * 10)

    assert answer.status_code == 200
    row = await only_row(live, answer.headers["x-generation-id"])
    assert row.outcome == "ok"
    assert_billed(row, fake)
    await assert_over(live, fake)


async def test_a_client_that_takes_for_ever_is_cut_off_and_nobody_was_asked(gateway, fake, streaming):
    live = await gateway()
    guard = asyncio.create_task(cut_off_the_slow(live.connections, arrival_seconds=0.3))
    reader, writer = await dial(live)
    waiting = list(raw(streaming))
    with contextlib.suppress(ConnectionError):
        while waiting and not (writer.transport.is_closing() or reader.at_eof()):
            writer.write(bytes([waiting.pop(0)]))
            await writer.drain()
            await asyncio.sleep(0.02)
    writer.transport.abort()
    guard.cancel()

    assert len(waiting) > 100
    assert fake.requests == 0
    assert await every_row(live) == []
    await assert_over(live, fake)


@pytest.mark.parametrize("when", ["in the middle of its request", "before the answer", "during the answer"])
async def test_a_client_that_leaves_costs_what_was_billed_until_then(gateway, fake, streaming, when):
    fake.script = [STALL] if when == "before the answer" else [BEGUN, ENDLESS]
    live = await gateway()
    reader, writer = await dial(live)
    sent = raw(streaming)
    writer.write(sent[:-5] if when == "in the middle of its request" else sent)
    if when != "in the middle of its request":
        await eventually(lambda: fake.requests == 1)
    if when == "during the answer":
        await (reader.readuntil(b"Half ") if streaming else asyncio.sleep(0.1))
    writer.transport.abort()

    await eventually(lambda: fake.open == 0 and not live.connections)
    rows = await every_row(live)
    if when == "in the middle of its request":
        assert (rows, fake.requests) == ([], 0)
    else:
        (row,) = rows
        assert (row.outcome, row.streamed) == ("cancelled", streaming)
        assert_billed(row, fake)
    await assert_over(live, fake)


# ---------------------------------------------------------------- what is asked, and of whom


def address(name: str, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Where such a provider is; None for the fake itself."""
    if name == "connection refused":
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    if name == "TLS failure":
        return fake.url.replace("http:", "https:")
    if name == "DNS failure":
        loop = asyncio.get_running_loop()
        resolve = loop.getaddrinfo

        async def no_such_name(host: Any, *more: Any, **options: Any) -> Any:
            """The resolver's answer, without asking one."""
            if host == "nobody.invalid":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return await resolve(host, *more, **options)

        monkeypatch.setattr(loop, "getaddrinfo", no_such_name)
        return "http://nobody.invalid/v1"
    return None


def raw(streaming: bool) -> bytes:
    body = json.dumps(request(streaming)).encode()
    head = f"POST /api/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def dial(live: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))


# ---------------------------------------------------------------- what is left of it


def last_event(answer: httpx2.Response) -> dict[str, Any]:
    *_, last, done = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    return json.loads(last)


async def every_row(live: Any) -> list[Any]:
    await live.running.ledger.aflush()
    return await asyncio.to_thread(live.running.records._generations.recent, 10)


async def only_row(live: Any, request_id: str) -> Any:
    (row,) = await live.rows(request_id)
    assert [each.id for each in await every_row(live)] == [row.id]
    return row


def assert_billed(row: Any, fake: Fake) -> None:
    billed = fake.billed_nanodollars
    assert row.usage.estimated is (billed is None)
    if billed is None:
        assert row.cost_nanodollars == (row.usage.input * INPUT + row.usage.output * OUTPUT) * 1000 > 0
    else:
        assert row.cost_nanodollars == billed


async def assert_over(live: Any, fake: Fake) -> None:
    """No client is held on to, and of the provider's connections no more than the one that can serve again."""
    await eventually(lambda: not live.connections and fake.open <= 1)
    asked = fake.requests
    fake.script = GOOD[False]
    again = await post(live, streaming=False)
    if fake.requests > asked:
        assert again.status_code == 200
    await eventually(lambda: fake.open <= 1)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)
