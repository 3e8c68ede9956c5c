"""The hot path: find the model, open its answer, keep the account. It knows no web framework and no vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic

from tritium.accounts.admission import LOCAL, Admission, Admitted
from tritium.accounts.screen import Screen
from tritium.accounts.screened_answer import ScreenedAnswer
from tritium.catalog.catalog import Catalog
from tritium.catalog.vector_endpoint import VectorEndpoint
from tritium.chat import ChatRequest, Chunk, Usage
from tritium.errors import InvalidRequest
from tritium.fusion.doors import Doored
from tritium.fusion.fusion import Fusion
from tritium.fusion.quote import Quote
from tritium.fusion.run import Run, Tally
from tritium.fusion.screened_run import ScreenedRuns, screened_run
from tritium.fusion.shadows import SHADOW, Shadows
from tritium.ledger.prices import total
from tritium.model import Answer, Call, Generation, Model, Recorder, new_call
from tritium.providers.vectors import Body, VectorRequest


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

    __slots__ = ("_answer", "_opened", "_screen", "account", "call", "request")

    def __init__(
        self, request: ChatRequest, call: Call, account: Account, answer: Answer, screen: Screen | None = None
    ) -> None:
        """`screen` is what the answer's text must pass."""
        self.request = request
        self.call = call
        self.account = account
        self._answer = answer
        self._screen = screen
        self._opened: AsyncIterator[Chunk] | None = None

    async def only(self) -> Chunk | None:
        """The answer, if it can be had in one piece: the account is complete then. Otherwise enter the context."""
        whole = None if self._screen is not None else getattr(self._answer, "whole", None)
        if whole is None:
            return None
        given: Chunk | AsyncIterator[Chunk] = await whole()
        if isinstance(given, Chunk):
            return given
        self._opened = given
        return None

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        chunks = self._opened or await self._answer.__aenter__()
        screen = self._screen
        return (
            chunks if screen is None else ScreenedAnswer(chunks, screen, lambda run: screened_run(run, screen.marked))
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._answer.__aexit__(kind, error, trace)


class VectorExchange(Generic[Body]):
    """One request for vectors or an order, ready to be made of `model`."""

    __slots__ = ("account", "call", "model", "request")

    request: VectorRequest[Body]

    def __init__(self, request: VectorRequest[Body], call: Call, account: Account, model: VectorEndpoint) -> None:
        self.request = request
        self.call = call
        self.account = account
        self.model = model


class Gateway:
    """Everything a caller can reach, whatever the caller came through: HTTP, the command line, a test."""

    def __init__(
        self,
        catalog: Catalog,
        recorder: Recorder,
        admission: Admission | None = None,
        shadows: Shadows | None = None,
    ) -> None:
        """Without an `admission`, every caller may do anything; without `shadows`, nothing is fused in silence."""
        self._shadows = shadows
        self.catalog = catalog
        self.recorder = recorder
        self.admission = admission

    def chat(self, request: ChatRequest, *, caller: str = "local") -> Exchange:
        """Prepare an answer; enter the result to open it.

        Raises:
            RequestError: the model is unknown, the request asks it for something that can't be, or the caller may not.
        """
        account = Account(self.recorder)
        request = self.catalog.prepared(request)
        model = self.catalog.route(request)
        if self.admission is None:
            call = new_call(account, caller=caller)
            if self._shadows is not None:
                return Exchange(request, call, account, self._shadowed(model, request, call))
            return Exchange(request, call, account, model.answer(request, call))
        request, permit, screen = self.admission.admit(request, caller, model.id)
        if screen is not None:
            account = Account(ScreenedRuns(self.recorder, screen.marked))
        call = new_call(account, caller=caller, permit=permit)
        if self._shadows is not None:
            return Exchange(request, call, account, self._shadowed(model, request, call), screen)
        return Exchange(request, call, account, model.answer(request, call), screen)

    def replay(self, request: ChatRequest, past: Run, *, caller: str = "local") -> Exchange:
        """Prepare an answer by a fusion whose seats say what they said in that run.

        Raises:
            RequestError: see `chat`; or the model is no fusion.
        """
        account = Account(self.recorder)
        model = self.catalog.resolve(request.model)
        if not isinstance(model, Fusion):
            raise InvalidRequest(f"{request.model!r} is no fusion, and only a fusion can replay a run.", param="model")
        request, permit, screen = self._admitted(request, caller, model)
        if screen is not None:
            account = Account(ScreenedRuns(self.recorder, screen.marked))
        call = new_call(account, caller=caller, permit=permit)
        return Exchange(request, call, account, model.replay(request, call, past), screen)

    async def quote(self, request: ChatRequest, *, caller: str = "local") -> Quote:
        """What a fusion would do with a request and what that would cost; nobody is asked, and nothing is billed.

        Raises:
            RequestError: see `chat`; or the model is no fusion.
        """
        request = self.catalog.prepared(request)
        model = self.catalog.route(request)
        if not isinstance(model, Fusion | Doored):
            raise InvalidRequest(f"{request.model!r} is no fusion: there is no plan to explain.", param="model")
        request, _, _ = self._admitted(request, caller, model)
        return await model.quote(request)

    @property
    def screen(self) -> Screen | None:
        """What answers must pass."""
        return None if self.admission is None else self.admission.guardrails.output or None

    def _admitted(self, request: ChatRequest, caller: str, model: Model) -> Admitted:
        if self.admission is None:
            return Admitted(request, None, None)
        return self.admission.admit(request, caller, model.id)

    def _shadowed(self, model: Model, request: ChatRequest, call: Call) -> Answer:
        """The model's answer, with a shadow if it gets one; nobody's words go further than their key lets them."""
        shadows = self._shadows
        if (
            shadows is None
            or isinstance(model, Fusion | Doored)
            or not shadows.fall_on(request)
            or (self.admission is not None and not self.admission.goes_anywhere(call.caller))
        ):
            return model.answer(request, call)
        tally = Tally(call.recorder)
        call = call.counted_by(tally)
        return shadows.cast(model.answer(request, call), request, call, tally, self._shadow)

    def _shadow(self, request: ChatRequest) -> tuple[ChatRequest, Call]:
        """See `shadows.Begin`: asked as by this machine itself, within what holds for everybody."""
        assert self._shadows is not None  # noqa: S101 - it asks
        request, permit, screen = self._admitted(request, LOCAL, self._shadows.fusion)
        recorder = self.recorder if screen is None else ScreenedRuns(self.recorder, screen.marked)
        return request, new_call(recorder, caller=SHADOW, permit=permit)

    def vectors(self, request: VectorRequest[Body], *, caller: str = "local") -> VectorExchange[Body]:
        """Prepare embeddings or a reranking.

        Raises:
            RequestError: the model is unknown, or only chats, or the caller may not ask it.
        """
        account = Account(self.recorder)
        model = self.catalog.vectors(request.body.model)
        permit = None
        if self.admission is not None:
            request = request.changed(self.admission.guardrails.screened_input)
            permit = self.admission.enter(caller, [request.body.model], model.id)
        return VectorExchange(request, new_call(account, caller=caller, permit=permit), account, model)
