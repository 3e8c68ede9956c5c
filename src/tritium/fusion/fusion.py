"""A fusion is a model: it asks a panel, compares, and answers once. The work is `deliberation.py`; this is its frame.

Invariant: nothing of a fusion outlives the answer's context. Leaving it early cancels every call under way, waits until
each has been settled, and saves the run as cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType

from tritium.chat import ChatRequest, Chunk
from tritium.fusion.budget import Budget
from tritium.fusion.deliberation import deliberate
from tritium.fusion.options import FusionOptions, requested
from tritium.fusion.plan import Plan, make_plan
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.roster import Roster
from tritium.fusion.run import Decision, PlanReport, Run, SeatReport, Tally, close_receipt, save
from tritium.model import Call


class Fusion:
    """Many models behind one name."""

    def __init__(self, model_id: str, options: FusionOptions, roster: Roster) -> None:
        self.id = model_id
        self.options = options
        self.roster = roster

    def answer(self, request: ChatRequest, call: Call) -> FusedAnswer:
        """Plan at once, so that a wrong option is refused before anything is asked.

        Raises:
            InvalidRequest, UnknownModel: the options or the panel can't be carried out.
        """
        options = requested(self.options, request)
        plan = make_plan(request, options, self.roster)
        run = _new_run(self.id, request, plan, call)
        return FusedAnswer(
            request, options, plan, run, call, Budget(options.max_cost_usd, self.roster.cost_nanodollars)
        )


class FusedAnswer:
    """The context of one run: its task, and the queue through which its chunks come."""

    def __init__(
        self, request: ChatRequest, options: FusionOptions, plan: Plan, run: Run, call: Call, budget: Budget
    ) -> None:
        self.run = run
        self._call = call
        self._tally = Tally(call.recorder)
        self._plan = plan
        # Unbounded: a queue that blocks would make a slow reader hold up the panel. Answers bound what is in it.
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._proceedings = Proceedings(request, options, plan, run, call, self._tally, budget, self._chunks.put_nowait)

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        self._task = asyncio.create_task(self._hold())
        return self

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await self._chunks.get()
        if chunk is not None:
            return chunk
        self._chunks.put_nowait(None)  # the end stays the end, however often it is asked for
        self._task.result()  # raises what ended the run
        raise StopAsyncIteration

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        if self.run.outcome == "running":  # left before the task had taken its first step
            self.run.outcome = "cancelled"
            self._close()
        if not self._task.cancelled():
            self._task.exception()  # whoever read the chunks was told; nobody else needs to be

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
        try:
            strongest = self.run.seats[self._plan.strongest().seat]
            close_receipt(self.run, self._tally, strongest if strongest.outcome == "ok" else None)
            save(self.run, self._call)
            if self.run.outcome == "ok":
                self._proceedings.event("run", document=self.run)
                self._chunks.put_nowait(Chunk(usage=self._tally.usage()))
        finally:
            self._chunks.put_nowait(None)  # whatever happened: a reader who waits must learn that it is over


def _new_run(name: str, request: ChatRequest, plan: Plan, call: Call) -> Run:
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
            reasons=plan.reasons,
        ),
        seats=[SeatReport(seat.seat, seat.model.id, seat.profile.maker) for seat in plan.seats],
        decision=Decision(plan.strategy),
        request=request.fields["messages"],
        warnings=list(plan.warnings),
    )
