"""An answer from the first that gives one: what fails before its first chunk is passed over, nothing after that is.

A plan says whom to open and, after a failure, whether to go on; this keeps the rule that once a chunk has been handed
out nobody else can be asked. Every try is a call of its own, with its own id and its own Generation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from types import TracebackType
from typing import Any, Protocol

from msgspec.structs import replace

from tritium.chat import Chunk
from tritium.errors import TritiumError, UpstreamError
from tritium.model import Answer, Call, new_id


class Plan(Protocol):
    """Whose turn it is."""

    def open(self, call: Call) -> Answer:
        """The answer of the one whose turn it is.

        Raises:
            TritiumError: it won't even be asked; that counts as its failure.
        """
        ...

    async def advance(self, error: TritiumError) -> bool:
        """Go on to the next after this failure; False if nobody is left, or nobody would do better."""
        ...


class Opening:
    """The context of such an answer."""

    __slots__ = ("_answer", "_call", "_chunks", "_early", "_plan")

    def __init__(self, plan: Plan, call: Call) -> None:
        self._plan = plan
        self._call = call
        self._early: list[Chunk] = []
        """What was read to see whether it answers, last one first."""

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        try:
            await self._open(self._call)
        except TritiumError as error:
            await self._recover(error)
        return self

    async def whole(self) -> Chunk | AsyncIterator[Chunk]:
        """Enter; an answer in one piece is given at once, and its context left."""
        try:
            answer = self._plan.open(self._call)
            whole = getattr(answer, "whole", None)
            given = await (answer.__aenter__() if whole is None else whole())
            if isinstance(given, Chunk):
                return given
            await self._begin(answer, given)
        except TritiumError as error:
            await self._recover(error)
        return self

    async def _open(self, call: Call) -> None:
        answer = self._plan.open(call)
        await self._begin(answer, await answer.__aenter__())

    async def _begin(self, answer: Answer, chunks: AsyncIterator[Chunk]) -> None:
        """Read on until something has been said."""
        try:
            first = await chunks.__anext__()
            self._early.append(first)
            # A fusion's progress, or what the prompt costs: nothing has been said yet.
            while first.event is not None or not first.choices:
                first = await chunks.__anext__()
                self._early.insert(0, first)
        except StopAsyncIteration:
            pass
        except BaseException as error:
            self._early.clear()
            await answer.__aexit__(type(error), error, error.__traceback__)
            raise
        self._answer, self._chunks = answer, chunks

    async def _recover(self, error: TritiumError) -> None:
        errors = [error]
        while await self._plan.advance(errors[-1]):
            try:
                await self._open(replace(self._call, id=new_id()))
            except TritiumError as another:
                errors.append(another)
            else:
                return
        raise verdict(errors)

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    def __anext__(self) -> Awaitable[Chunk]:
        return _given(self._early.pop()) if self._early else self._chunks.__anext__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._answer.__aexit__(kind, error, trace)


async def _given(chunk: Chunk) -> Chunk:
    return chunk


def verdict(errors: Sequence[TritiumError]) -> TritiumError:
    """The failure to report: the last one that may pass, else the last; the others are its `previous_errors`."""
    told = next((error for error in reversed(errors) if error.retryable), errors[-1])
    earlier = [each for error in errors if error is not told for each in (*_previous(error), _summary(error))]
    if earlier:
        told.metadata["previous_errors"] = [*earlier, *_previous(told)]
    return told


def _previous(error: TritiumError) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = error.metadata.get("previous_errors", ())
    return found


def _summary(error: TritiumError) -> dict[str, Any]:
    """OpenRouter's `error.metadata.previous_errors[]`; what a provider said stays in the ledger."""
    provider = error.provider if isinstance(error, UpstreamError) else "tritium"
    status = (error.upstream_status if isinstance(error, UpstreamError) else None) or error.http_status
    return {"provider": provider, "code": error.kind, "status": status}
