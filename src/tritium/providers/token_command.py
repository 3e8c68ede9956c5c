"""A provider whose key is a token that expires: a command of the user's prints it, and is asked again in time.

The command is one that its vendor's own tools have, as `gcloud auth print-access-token`. It prints the token, or
OAuth's JSON with `access_token` and `expires_in` (RFC 6749, section 5.1) as cloud metadata servers do.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest, Chunk
from tritium.errors import UpstreamError, UpstreamUnavailable
from tritium.model import Answer, Call
from tritium.providers.source import HttpSource
from tritium.providers.upstream import Source
from tritium.providers.vectors import EmbeddingBody, Embeddings, Ranking, RerankBody, VectorRequest, VectorSource

_LONGEST_RUN_SECONDS = 30.0
_MARGIN_SECONDS = 60.0
"""A token is not used so shortly before it expires."""


class _Printed(Struct):
    access_token: str
    expires_in: float | None = None


class TokenCommand:
    """The command and the token that it printed last. Requests that need a new one wait for one run of it."""

    def __init__(
        self, provider: str, command: Sequence[str], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds` is how long a token is used whose life the command doesn't tell."""
        self._provider = provider
        self._command = tuple(command)
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._refused_at = -math.inf
        self._fresh_until = 0.0

    async def current(self) -> str:
        """A token that should be good.

        Raises:
            UpstreamUnavailable: the command failed, and there is no earlier token to try.
        """
        if self._token is not None and self._clock() < self._fresh_until:
            return self._token
        async with self._lock:
            if self._token is None or self._clock() >= self._fresh_until:
                try:
                    self._token, seconds = self._read(await self._run())
                except UpstreamUnavailable:
                    if self._token is None:
                        raise
                    seconds = _MARGIN_SECONDS  # an earlier one may be good for longer than we would have used it
                self._fresh_until = self._clock() + seconds
        return self._token

    def refused(self, token: str) -> bool:
        """The provider refused this one: another is fetched when next needed.

        False if one was refused only just now: it is not for its age then.
        """
        if token != self._token:
            return True  # there is a newer one
        now = self._clock()
        if now - self._refused_at < _MARGIN_SECONDS:
            return False
        self._refused_at = now
        self._token = None
        return True

    async def _run(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise self._failed(f"can't be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(_LONGEST_RUN_SECONDS):
                printed, _ = await process.communicate()
        except TimeoutError:
            raise self._failed(f"didn't end within {_LONGEST_RUN_SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise self._failed(f"ended with code {process.returncode}")
        return printed

    def _read(self, printed: bytes) -> tuple[str, float]:
        """The token, and for how many seconds it is used."""
        try:
            known = msgspec.json.decode(printed, type=_Printed)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            known = _Printed(printed.decode("ascii", "replace").strip())
        token = known.access_token
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            raise self._failed("printed no token")
        if known.expires_in is None:
            return token, self._seconds
        return token, max(known.expires_in - _MARGIN_SECONDS, 0.0)

    def _failed(self, what: str) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            f"{self._provider}: its token command ({self._command[0]}) {what}. Run it by hand to see why.",
            provider=self._provider,
        )


class TokenSource:
    """A provider's endpoints, their key kept fresh; `inner` chooses among them."""

    def __init__(self, inner: Source, endpoints: Sequence[HttpSource], tokens: TokenCommand) -> None:
        self._inner = inner
        self._endpoints = endpoints
        self.tokens = tokens

    async def freshened(self) -> str:
        """The token that the endpoints have been given."""
        token = await self.tokens.current()
        for endpoint in self._endpoints:
            endpoint.key = token
        return token

    def open(self, request: ChatRequest, model: str, call: Call) -> _TokenAnswer:
        return _TokenAnswer(self, lambda: self._inner.open(request, model, call))


class _TokenAnswer:
    """An answer that is opened once there is a token."""

    def __init__(self, source: TokenSource, opening: Callable[[], Answer]) -> None:
        self._source = source
        self._opening = opening
        self._answer: Answer | None = None

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        token = await self._source.freshened()
        self._answer = self._opening()
        try:
            return await self._answer.__aenter__()
        except UpstreamError as error:
            if error.upstream_status == 401:
                error.another_key = self._source.tokens.refused(token)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            await self._answer.__aexit__(kind, error, trace)


class TokenVectors:
    """The same for embeddings and reranking."""

    def __init__(self, inner: VectorSource, source: TokenSource) -> None:
        self._inner = inner
        self._source = source

    async def embed(self, request: VectorRequest[EmbeddingBody], model: str) -> Embeddings:
        await self._source.freshened()
        return await self._inner.embed(request, model)

    async def rerank(self, request: VectorRequest[RerankBody], model: str) -> Ranking:
        await self._source.freshened()
        return await self._inner.rerank(request, model)
