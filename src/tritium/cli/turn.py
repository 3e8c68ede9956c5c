"""One question to one model, in this process: asked, watched while it is answered, and told as a run."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, Self

from tritium.app import Running
from tritium.chat import ChatRequest, Chunk, Completion
from tritium.cli.options import FusionChoice
from tritium.errors import InvalidRequest
from tritium.fusion.fusion import Fusion
from tritium.fusion.run import Decision, PlanReport, Run, SeatReport, Tally, close_receipt, settle_seat
from tritium.gateway import Exchange


class Watcher(Protocol):
    """Whoever looks on: the live view, a pipe, nobody."""

    def take(self, chunk: Chunk) -> None: ...


class Turn:
    """A question on its way. `run_id` is known before anybody has been asked; only what is `fused` is kept as a run."""

    def __init__(self, up: Running, request: ChatRequest) -> None:
        self._request = request
        self._exchange = up.gateway.chat(request)
        self.run_id = self._exchange.call.id
        self.fused = isinstance(up.catalog.resolve(request.model), Fusion)

    async def hold(self, watcher: Watcher) -> Run:
        """Ask, and let the watcher see every chunk.

        Raises:
            RequestError, UpstreamError: there is no answer.
        """
        run: Run | None = None
        said = Completion()
        tally = Tally(self._exchange.account)
        async with self._exchange as chunks:
            async for chunk in chunks:
                if chunk.event is not None and chunk.event["type"] == "run":
                    run = chunk.event["document"]
                said.add(chunk)
                watcher.take(chunk)
        if run is None and not self._exchange.account.rows:
            raise InvalidRequest(
                "Nobody was asked: dry_run is on in the configuration. `tritium fusion explain` shows the plan."
            )
        return run or _run_of_one(self._request, self._exchange, said, tally)


def build_request(
    up: Running, model: str, messages: list[dict[str, str]], choice: FusionChoice, **parameters: Any
) -> ChatRequest:
    """The request; options of a fusion are refused where no fusion would read them.

    Raises:
        InvalidRequest, UnknownModel
    """
    named = choice.named()
    fused = isinstance(up.catalog.resolve(model), Fusion)
    if named and not fused:
        raise InvalidRequest(
            f"{' and '.join(named)} can't be used with --model {model}: it is one model, not a fusion. "
            "Leave --model out."
        )
    return ChatRequest.build(
        model, messages, stream=True, seed=choice.seed, fusion=choice.field() if fused else None, **parameters
    )


def finds_nobody(up: Running, request: ChatRequest) -> bool:
    """Whether this is a fusion of whoever is reachable, and nobody is."""
    model = up.catalog.resolve(request.model)
    if not isinstance(model, Fusion) or (request.body.fusion or {}).get("panel"):
        return False
    return not model.options.panel and not up.catalog.automatic_panel()


def _run_of_one(request: ChatRequest, exchange: Exchange, said: Completion, tally: Tally) -> Run:
    """A plain model's answer in the same shape: a panel of one that nobody had to judge."""
    tally.rows = {row.id: row for row in exchange.account.rows}
    row = exchange.account.rows[0]
    seat = SeatReport(0, row.model, row.provider, text=said.text)
    settle_seat(seat, tally)
    run = Run(
        id=exchange.call.id,
        created=row.created_at,
        model=request.model,
        plan=PlanReport("", "single", 1, None, None, 0, reasons=["one model was asked for"]),
        seats=[seat],
        decision=Decision("single", "single", "one model answers", seat=0),
        request=request.fields["messages"],
        outcome="ok",
        answer=said.text,
        finish_reason=said.finish_reason,
    )
    close_receipt(run, tally, seat)
    return run


class Silence:
    """Nobody looks on."""

    def take(self, chunk: Chunk) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


WatcherContext = AbstractAsyncContextManager[Watcher]
