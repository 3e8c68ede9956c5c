"""One vector model at one provider: where such a call is timed, priced and written down, exactly once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from tritium.chat import Usage
from tritium.errors import TritiumError
from tritium.ledger.prices import Prices, cost_nanodollars
from tritium.model import Call, Generation, Outcome, Role
from tritium.providers.upstream import CHARACTERS_PER_TOKEN, Watch, status_of
from tritium.providers.vectors import EmbeddingBody, Embeddings, Ranking, RerankBody, VectorRequest, VectorSource

Answer = TypeVar("Answer", Embeddings, Ranking)


class VectorModel:
    """A provider's model. `id` is what callers say, `name` what the provider is told."""

    def __init__(
        self,
        model_id: str,
        *,
        provider: str,
        name: str,
        source: VectorSource,
        prices: Prices | None,
        watch: Watch | None = None,
    ) -> None:
        self.id = model_id
        self.provider = provider
        self.name = name
        self.source = source
        self.prices = prices
        self.watch = watch

    async def embed(self, request: VectorRequest[EmbeddingBody], call: Call) -> Embeddings:
        """Vectors for the request's texts.

        Raises:
            InvalidRequest, UpstreamError: see `VectorSource`.
        """
        hold = await self._hold(call, request.body.characters)
        work = self.source.embed(request, self.name)
        return await self._settled(work, "embedding", request.body.characters, call, hold)

    async def rerank(self, request: VectorRequest[RerankBody], call: Call) -> Ranking:
        """The request's documents in order.

        Raises:
            InvalidRequest, UpstreamError: see `VectorSource`.
        """
        hold = await self._hold(call, request.body.characters)
        work = self.source.rerank(request, self.name)
        return await self._settled(work, "rerank", request.body.characters, call, hold)

    async def _hold(self, call: Call, characters: int) -> Any:
        permit = call.permit
        if permit is None:
            return None
        worst = Usage(characters)  # a token has at least one character, or nearly so
        hold = permit.hold(call, self.id, self.provider, worst, lambda usage: cost_nanodollars(usage, self.prices))
        return hold if permit.prompt else await hold

    async def _settled(self, work: Awaitable[Answer], role: Role, characters: int, call: Call, hold: Any) -> Answer:
        started = time.perf_counter()
        answer: Answer | None = None
        failure: BaseException | None = None
        try:
            answer = await work
        except BaseException as error:
            failure = error
            raise
        else:
            return answer
        finally:
            # A ranking is billed by searches where no tokens are reported: an estimate would make up a price.
            estimated = Usage(-(-characters // CHARACTERS_PER_TOKEN), estimated=True)
            told = answer.usage if answer is not None else None
            usage = told or (Usage() if failure is not None else estimated)
            priced = told is not None or role == "embedding"
            cost = cost_nanodollars(usage, self.prices) if priced else None
            milliseconds = (time.perf_counter() - started) * 1e3
            row = Generation(
                id=call.id,
                request_id=call.request_id,
                model=self.id,
                provider=self.provider,
                role=role,
                created_at=time.time() - milliseconds / 1e3,
                usage=usage,
                cost_nanodollars=_cost(cost, failure),
                outcome=_outcome(failure),
                finish_reason=None,
                streamed=False,
                first_token_ms=None,
                latency_ms=milliseconds,
                error=None if failure is None else str(failure) or type(failure).__name__,
                caller=call.caller,
                status=200 if failure is None else status_of(failure),
            )
            call.recorder.generation(row)
            if hold is not None and call.permit is not None:
                call.permit.settle(hold, row)
            if self.watch is not None:
                self.watch.settled(row, failure)


def _cost(cost: int | None, failure: BaseException | None) -> int | None:
    """A call its provider refused is known to cost nothing; of one that was cut short nobody knows."""
    if isinstance(failure, TritiumError) and not getattr(failure, "under_way", False):
        return 0
    return None if failure is not None else cost


def _outcome(failure: BaseException | None) -> Outcome:
    if failure is None:
        return "ok"
    if isinstance(failure, asyncio.CancelledError):
        return "cancelled"
    return "timeout" if getattr(failure, "kind", None) == "timeout" else "failed"
