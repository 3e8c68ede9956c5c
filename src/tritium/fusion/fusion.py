"""A fusion is a model: it asks a panel, compares, and answers once. The work is `deliberation.py`; this is its frame.

Invariant: nothing of a fusion outlives the answer's context. Leaving it early cancels every call under way, waits until
each has been settled, and saves the run as cancelled. The one exception is asked for by `on_disconnect = "continue"`:
then a run whose reader was cancelled goes on, in the care of `live_runs.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType

from msgspec.structs import replace

from tritium.chat import ChatRequest, Chunk
from tritium.fusion.best_single import best_single
from tritium.fusion.budget import Budget
from tritium.fusion.calibration import Calibration
from tritium.fusion.chunk_queue import ChunkQueue
from tritium.fusion.commons import Commons
from tritium.fusion.consulting import Consulting
from tritium.fusion.deliberation import deliberate
from tritium.fusion.dry_run import QuotedAnswer
from tritium.fusion.live_runs import SPELLED_OUT, LiveRun, LiveRuns
from tritium.fusion.options import FusionOptions, requested
from tritium.fusion.plan import Plan, make_plan
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.quote import Quote, make_quote, models_of
from tritium.fusion.reseating import behind_cache, from_run
from tritium.fusion.roster import Roster
from tritium.fusion.run import Decision, PlanReport, Run, SeatReport, Tally, close_receipt, save
from tritium.fusion.tool_policy import tool_turn
from tritium.fusion.tool_turns import without_tools
from tritium.model import Answer, Call


class Fusion:
    """Many models behind one name."""

    def __init__(self, model_id: str, options: FusionOptions, roster: Roster, commons: Commons | None = None) -> None:
        self.id = model_id
        self.options = options
        self.roster = roster
        self.commons = commons or Commons()

    def answer(self, request: ChatRequest, call: Call) -> Answer:
        """Plan at once, so that a wrong option is refused before anything is asked.

        Raises:
            InvalidRequest, UnknownModel: the options or the panel can't be carried out.
        """
        request, options = _choosing_among_tools(request), requested(self.options, request)
        one = (request.body.n or 1) == 1
        if options.mode == "tool" and options.enabled and one and not options.dry_run:
            return self._consulting(request, options).answer(request, call)
        return self._planned(request, options, call)

    def _consulting(self, request: ChatRequest, options: FusionOptions) -> Consulting:
        """The model that would write, with the panel as a tool of its."""
        tool_turn(request, options.tools, options.tools_cadence)  # where it takes no tools, it says so
        brief = replace(options, mode="always", strategy="analysis", provenance=False, on_disconnect="cancel")
        plan = make_plan(without_tools(request), brief, self.roster)
        model = self.roster.resolve(options.synthesizer) if options.synthesizer else plan.synthesizer
        return Consulting(model or plan.strongest().model, lambda question, call: self._planned(question, brief, call))

    def _planned(self, request: ChatRequest, options: FusionOptions, call: Call) -> FusedAnswer | QuotedAnswer:
        plan = make_plan(request, options, self.roster)
        if options.dry_run:
            return QuotedAnswer(lambda: self._quoted(request, options, plan))
        return self._fused(request, options, plan, call)

    def fused(self, request: ChatRequest, call: Call) -> FusedAnswer:
        """An answer by the panel, whatever the options say of dry runs and of when there is one.

        Raises:
            InvalidRequest, UnknownModel: see `answer`.
        """
        options = requested(self.options, request)
        return self._fused(request, options, make_plan(request, options, self.roster), call)

    def _fused(self, request: ChatRequest, options: FusionOptions, plan: Plan, call: Call) -> FusedAnswer:
        if options.seat_cache == "on" and plan.strategy != "single":
            plan = behind_cache(plan, self.commons.answers, options.seat_cache_seconds)
        return self._carried_out(request, options, plan, call)

    def replay(self, request: ChatRequest, call: Call, past: Run) -> FusedAnswer:
        """The same with what the seats of that run answered, whom nobody asks again.

        Raises:
            InvalidRequest, UnknownModel: see `answer`.
        """
        options = requested(self.options, request)
        plan = from_run(make_plan(request, options, self.roster), past)
        answered = self._carried_out(request, options, plan, call)
        answered.run.replay_of = past.id
        return answered

    async def quote(self, request: ChatRequest) -> Quote:
        """What it would do with the request, and what that would cost; nobody is asked.

        Raises:
            InvalidRequest, UnknownModel: see `answer`.
        """
        options = requested(self.options, request)
        return await self._quoted(request, options, make_plan(request, options, self.roster))

    async def _quoted(self, request: ChatRequest, options: FusionOptions, plan: Plan) -> Quote:
        usual = await self.commons.lengths(models_of(plan))
        return make_quote(self.id, request, options, plan, self.roster, usual)

    def _carried_out(self, request: ChatRequest, options: FusionOptions, plan: Plan, call: Call) -> FusedAnswer:
        run = _new_run(self.id, request, options, plan, call)
        budget = Budget(
            options.max_cost_usd, self.roster.cost_nanodollars, options.max_output_tokens, options.max_seconds
        )
        return FusedAnswer(request, options, plan, run, call, budget, self.commons.live, self.commons.calibration)


def _choosing_among_tools(request: ChatRequest) -> ChatRequest:
    """A choice without tools, OpenRouter's way to demand a fusion, is refused by most vendors."""
    if "tool_choice" in request.fields and not request.body.tools:
        return request.replace(tool_choice=None)
    return request


class FusedAnswer:
    """The context of one run: its task, and the queue through which its chunks come."""

    def __init__(
        self,
        request: ChatRequest,
        options: FusionOptions,
        plan: Plan,
        run: Run,
        call: Call,
        budget: Budget,
        live_runs: LiveRuns,
        calibration: Calibration | None = None,
    ) -> None:
        self.run = run
        self.budget = budget
        self._live_runs = live_runs
        self._live: LiveRun | None = None
        """None of a fusion that sits on another's panel."""
        self._goes_on = options.on_disconnect == "continue"
        self._read = True
        """Whether anybody reads the chunks."""
        self._call = call
        self._tally = Tally(call.recorder)
        self._plan = plan
        self._spells_out = True
        """Whether the reader is told what each seat says while it says it; those who watch the run always are."""
        self._chunks = ChunkQueue()
        self._proceedings = Proceedings(request, options, plan, run, call, self._tally, budget, self._emit, calibration)

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        if self._call.id == self._call.request_id:
            self._live = self._live_runs.begin(self.run, self._call)
        self._task = asyncio.create_task(self._hold())
        return self

    async def whole(self) -> AsyncIterator[Chunk]:
        """Enter, for a reader who waits for the end: what seats say is told when they have said it, not in pieces."""
        self._spells_out = False
        return await self.__aenter__()

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await self._chunks.next()
        if chunk is not None:
            return chunk
        self._task.result()  # raises what ended the run
        raise StopAsyncIteration

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._may_go_on(error) and self._live_runs.detach(self._task):
            self._read, self._chunks = False, ChunkQueue()
            return
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.run.outcome == "running":  # left before the task had taken its first step
            self.run.outcome = "cancelled"
            self._close()
        if not self._task.cancelled():
            self._task.exception()  # whoever read the chunks was told; nobody else needs to be

    def _may_go_on(self, error: BaseException | None) -> bool:
        """Its reader was cancelled, as when a client leaves; what failed, or has ended, has nothing to go on with."""
        left = isinstance(error, asyncio.CancelledError) and self._live is not None
        return self._goes_on and left and not self._task.done()

    def _emit(self, chunk: Chunk) -> None:
        if self._live is not None:
            self._live.hear(chunk)
        if self._read and (self._spells_out or chunk.event is None or chunk.event["type"] not in SPELLED_OUT):
            self._chunks.put(chunk)

    async def _hold(self) -> None:
        run = self.run
        try:
            await deliberate(self._proceedings)
            run.outcome = "ok"
        except asyncio.CancelledError:
            run.outcome = "cancelled"
            raise
        except BaseException as error:
            run.outcome, run.error = "failed", str(error)
            raise
        finally:
            self._close()

    def _close(self) -> None:
        for report in self.run.seats:
            if report.outcome is None:
                report.outcome, report.error = "cancelled", report.error or "not asked: the run ended before"
        try:
            strongest = best_single(self._plan.strongest(), self.run.seats, self.budget.price)
            close_receipt(self.run, self._tally, strongest)
            save(self.run, self._call)
            if self.run.outcome == "ok":
                self._proceedings.event("run", document=self.run)
                self._emit(Chunk(usage=self._tally.usage()))
        finally:
            if self._live is not None:
                self._live_runs.end(self._live)
            self._chunks.end()  # whatever happened: a reader who waits must learn that it is over
            self._proceedings.emit = _unheard  # it is ours: without it all of this is freed at once, as no cycle is


def _unheard(_chunk: Chunk) -> None:
    pass


_SHAPING = (
    "response_format", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "stop", "seed", "n", "reasoning", "reasoning_effort",
)  # fmt: skip
"""Fields of a request, beside its messages, that say what is to be answered: a replay asks the same."""


def _new_run(name: str, request: ChatRequest, options: FusionOptions, plan: Plan, call: Call) -> Run:
    return Run(
        id=call.id,
        created=time.time(),
        model=name,
        plan=PlanReport(
            kind=plan.kind,
            strategy=plan.strategy,
            quorum=plan.quorum,
            judge=plan.judges[0].id if plan.judges else None,
            synthesizer=plan.synthesizer.id if plan.synthesizer else None,
            order_seed=plan.order_seed,
            escalate=plan.escalation.model.id if plan.escalation else None,
            reasons=plan.reasons,
        ),
        seats=[SeatReport(seat.seat, seat.model.id, seat.profile.maker) for seat in plan.seats],
        decision=Decision(plan.strategy, tools=plan.tools),
        request=request.fields["messages"],
        caller=call.caller,
        options=options.chosen(),
        parameters={name: request.fields[name] for name in _SHAPING if name in request.fields},
        warnings=list(plan.warnings),
    )
