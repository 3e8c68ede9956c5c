"""A token that a command prints: fetched once for all who wait, kept while it is good, fetched anew when refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tritium.errors import UpstreamUnavailable
from tritium.providers.token_command import TokenCommand


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def counting(place: Path, *, printing: str = "print(f'token-{runs}')") -> list[str]:
    """A command that counts its runs in a file, and prints."""
    script = (
        "import json, pathlib, sys\n"
        f"place = pathlib.Path({str(place)!r})\n"
        "runs = int(place.read_text() or 0) + 1 if place.exists() else 1\n"
        "place.write_text(str(runs))\n"
        f"{printing}\n"
    )
    return [sys.executable, "-c", script]


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_those_who_wait_share_one_run(tmp_path: Path) -> None:
    tokens = TokenCommand("vendor", counting(tmp_path / "runs"), seconds=300)

    found = await asyncio.gather(*(tokens.current() for _ in range(5)))

    assert found == ["token-1"] * 5
    assert await tokens.current() == "token-1"


async def test_a_token_is_fetched_again_after_its_time(tmp_path: Path, clock: Clock) -> None:
    tokens = TokenCommand("vendor", counting(tmp_path / "runs"), seconds=300, clock=clock)

    found = [await tokens.current()]
    for seconds in (299, 2):
        clock.now += seconds
        found.append(await tokens.current())

    assert found == ["token-1", "token-1", "token-2"]


async def test_oauths_answer_says_how_long_its_token_is_good(tmp_path: Path, clock: Clock) -> None:
    printing = "print(json.dumps({'access_token': f'token-{runs}', 'expires_in': 3599, 'token_type': 'Bearer'}))"
    tokens = TokenCommand("vendor", counting(tmp_path / "runs", printing=printing), seconds=1, clock=clock)

    found = [await tokens.current()]
    for seconds in (3530, 20):
        clock.now += seconds
        found.append(await tokens.current())

    assert found == ["token-1", "token-1", "token-2"]


async def test_a_refused_token_is_replaced_but_not_again_and_again(tmp_path: Path, clock: Clock) -> None:
    tokens = TokenCommand("vendor", counting(tmp_path / "runs"), seconds=300, clock=clock)

    first = await tokens.current()
    assert tokens.refused(first)
    second = await tokens.current()
    assert tokens.refused(first)  # by an answer that was late: there is another by now
    assert not tokens.refused(second)
    assert await tokens.current() == second == "token-2"
    clock.now += 61
    assert tokens.refused(second)
    assert await tokens.current() == "token-3"


async def test_a_command_that_fails_once_leaves_the_token_there_was(tmp_path: Path, clock: Clock) -> None:
    printing = "print('token') if runs == 1 else sys.exit(3)"
    tokens = TokenCommand("vendor", counting(tmp_path / "runs", printing=printing), seconds=300, clock=clock)

    assert await tokens.current() == "token"
    clock.now += 301
    assert await tokens.current() == "token"
    tokens.refused("token")
    with pytest.raises(UpstreamUnavailable, match="ended with code 3"):
        await tokens.current()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import sys; print('secret', file=sys.stderr); sys.exit(1)", "ended with code 1"),
        ("pass", "printed no token"),
        ("print('two words')", "printed no token"),
        ("print('line\\nline')", "printed no token"),
        ('print(\'{"error": "no"}\')', "printed no token"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "printed no token"),
    ],
)
async def test_a_command_that_prints_no_token_is_named_but_not_quoted(code: str, says: str) -> None:
    tokens = TokenCommand("vendor", [sys.executable, "-c", code], seconds=300)

    with pytest.raises(UpstreamUnavailable, match=says) as failed:
        await tokens.current()

    assert "Run it by hand" in failed.value.message
    assert not {"secret", "words", "line"} & set(failed.value.message.split())


async def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(UpstreamUnavailable, match=r"can't be run: No such file"):
        await TokenCommand("vendor", ["/nowhere/gcloud"], seconds=300).current()


async def test_a_command_ends_with_the_request_that_waits_for_it(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(place)!r}).write_text(str(os.getpid())); time.sleep(60)"
    waiting = asyncio.create_task(TokenCommand("vendor", [sys.executable, "-c", code], seconds=300).current())
    async with asyncio.timeout(10):
        while not place.exists() or not place.read_text():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)

    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting

    with pytest.raises(ProcessLookupError):
        os.kill(int(place.read_text()), 0)


# ---------------------------------------------------------------- in a gateway


def unauthorized() -> bytes:
    body = b'{"error":{"message":"expired"}}'
    return b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def bearer(head: bytes) -> str:
    line = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:"))
    return line.split()[-1].decode()


@pytest.fixture
def config(upstream: Any, tmp_path: Path) -> dict[str, Any]:
    command = counting(tmp_path / "runs")
    return {"providers": {"cloud": {"base_url": upstream.url, "models": ["m"], "token_command": command}}}


async def test_a_provider_is_asked_with_the_token_and_its_embeddings_too(serve, upstream, wire, config) -> None:
    live = await serve(config)
    upstream.reply = wire.completion("Hi")

    answer = await live.client.chat.completions.create(model="cloud/m", messages=[{"role": "user", "content": "Hi"}])

    assert answer.choices[0].message.content == "Hi"
    data = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
    body = json.dumps(data).encode()
    upstream.reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )
    await live.client.embeddings.create(model="cloud/m", input="x", encoding_format="float")
    assert [bearer(head) for head in upstream.heads] == ["token-1", "token-1"]


async def test_a_refused_token_is_fetched_anew_within_the_request(serve, upstream, wire, config) -> None:
    live = await serve(config)
    upstream.reply = unauthorized()

    with pytest.raises(Exception, match="expired"):
        await live.client.chat.completions.create(model="cloud/m", messages=[{"role": "user", "content": "Hi"}])

    tried = [bearer(head) for head in upstream.heads]
    assert tried == ["token-1", "token-2"]
    upstream.reply = wire.completion("Hi")
    answer = await live.client.chat.completions.create(model="cloud/m", messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "Hi"
