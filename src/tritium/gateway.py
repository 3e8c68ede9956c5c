"""The hot path: find the model, open its answer, keep the account. It knows no web framework and no vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType

from tritium.catalog.catalog import Catalog
from tritium.chat import ChatRequest, Chunk, Usage
from tritium.ledger.prices import total
from tritium.model import Answer, Call, Generation, Recorder, new_call


class Account:
    """A recorder that also keeps what one request caused, for the `usage` in its answer."""

    __slots__ = ("_recorder", "rows")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.rows: list[Generation] = []

    def generation(self, row: Generation) -> None:
        self.rows.append(row)
        self._recorder.generation(row)

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        self._recorder.run(run_id, created_at, model, document)

    @property
    def cost_nanodollars(self) -> int | None:
        return total([row.cost_nanodollars for row in self.rows])

    @property
    def usage(self) -> Usage:
        if len(self.rows) == 1:
            return self.rows[0].usage
        return sum((row.usage for row in self.rows), Usage())


class Exchange:
    """One request and its answer. The account is complete once the context is left."""

    __slots__ = ("_answer", "account", "call", "request")

    def __init__(self, request: ChatRequest, call: Call, account: Account, answer: Answer) -> None:
        self.request = request
        self.call = call
        self.account = account
        self._answer = answer

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        return await self._answer.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._answer.__aexit__(kind, error, trace)


class Gateway:
    """Everything a caller can reach, whatever the caller came through: HTTP, the command line, a test."""

    def __init__(self, catalog: Catalog, recorder: Recorder) -> None:
        self.catalog = catalog
        self.recorder = recorder

    def chat(self, request: ChatRequest, *, caller: str = "local") -> Exchange:
        """Prepare an answer; enter the result to open it.

        Raises:
            RequestError: the model is unknown, or the request asks it for something that can't be.
        """
        account = Account(self.recorder)
        call = new_call(account, caller=caller)
        model = self.catalog.resolve(request.model)
        return Exchange(request, call, account, model.answer(request, call))
