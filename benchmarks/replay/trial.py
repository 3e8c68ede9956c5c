"""An arm put through the gateway, item by item: no socket, no database, and nobody paid."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from replay.task_set import Task, TaskSet
from tritium.app import running
from tritium.chat import ChatRequest, Completion
from tritium.config import parse_config
from tritium.errors import InvalidRequest, TritiumError
from tritium.fusion.run import Run
from tritium.gateway import Gateway
from tritium.model import Generation


class Outcome(Struct, frozen=True):
    """What became of one item."""

    item: str
    right: bool
    cost_nanodollars: int | None
    recorded: bool
    """Its label is that of a recorded answer."""
    how: str = ""
    """How the answer was come by; empty for a single model."""
    agreement: float | None = None
    calls: int = 1
    """Made of models, those that failed too."""
    kind: str = ""
    strategy: str = ""
    """The one that was taken; empty for a single model."""
    seats: tuple[str, ...] = ()
    """Ids of the models that were seated, in order of the alphabet."""
    fault: str = ""
    """Why there was no answer."""


class _Nowhere:
    """A recorder that keeps nothing: what a request caused is in its account."""

    def generation(self, row: Generation) -> None: ...

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None: ...


class NotInThisEngine(Exception):
    """The engine refuses an arm's options."""


@asynccontextmanager
async def gateway_over(tasks: TaskSet) -> AsyncIterator[Gateway]:
    """A gateway that serves the set's recordings."""
    with tempfile.TemporaryDirectory(prefix="tritium-quality-") as folder:
        tasks.write(Path(folder))
        config = {
            "data_dir": folder,
            "local": {"enabled": False, "detect_servers": False},
            "recorded": {"path": folder},
        }
        async with running(parse_config(config), {}) as up:
            yield Gateway(up.catalog, _Nowhere())


async def answer_all(
    gateway: Gateway, tasks: TaskSet, model: str, options: dict[str, Any] | None, *, development: bool = False
) -> list[Outcome]:
    """Every item of the set, or every development item, asked of a model by that name.

    Raises:
        NotInThisEngine: it has no such options.
    """
    asked = [task for task in tasks.tasks if not development or task.id in tasks.development]
    return [await _answer(gateway, tasks, task, model, options) for task in asked]


async def _answer(gateway: Gateway, tasks: TaskSet, task: Task, model: str, options: dict[str, Any] | None) -> Outcome:
    request = ChatRequest.build(model, stream=True, fusion=options, seed=1, **task.fields())
    given, run, fault = Completion(), None, ""
    try:
        exchange = gateway.chat(request)
    except InvalidRequest as refused:
        raise NotInThisEngine(refused.message) from None
    try:
        async with exchange as chunks:
            async for chunk in chunks:
                given.add(chunk)
                if chunk.event is not None and chunk.event["type"] == "run":
                    run = chunk.event["document"]
    except TritiumError as failed:  # nobody answered, or not to the end: that is not right
        given, fault = Completion(), failed.message
    verdict = tasks.verdict(task, given)
    account = exchange.account
    return Outcome(
        item=task.id,
        right=verdict.right,
        cost_nanodollars=account.cost_nanodollars,
        recorded=verdict.recorded,
        calls=len(account.rows),
        fault=fault,
        **_decided(run),
    )


def _decided(run: Run | None) -> dict[str, Any]:
    if run is None:
        return {}
    return {
        "how": run.decision.how or "",
        "agreement": run.decision.agreement,
        "kind": run.plan.kind,
        "strategy": run.plan.strategy,
        "seats": tuple(sorted({seat.model for seat in run.seats})),
    }
