"""A stored run on a page: everything `tritium runs show` has to say of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from tritium.chat import Message
from tritium.cli import figures, summary
from tritium.cli.receipt import receipt
from tritium.cli.table import print_table
from tritium.cli.terminal import one_line, output, plain
from tritium.fusion.run import Run, SeatReport


def print_run(run: Run) -> None:
    """Question, plan, seats, decision, answer, receipt."""
    console = output()
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created))
    console.print(Text(f"{run.id}   {when}   {one_line(run.model)}   {run.outcome}", "bold"))
    if run.replay_of or run.shadow_of:
        console.print(Text(f"replay of {run.replay_of}" if run.replay_of else f"in the shadow of {run.shadow_of}"))
    if run.error:
        console.print(Text(plain(run.error), "red"))
    _section(console, "question", Text(_question(run)))
    _section(console, "plan", Text("\n".join(one_line(line) for line in _plan(run))))
    for seat in run.seats:
        _section(console, _seat_title(run, seat), summary.answer(seat.text) if seat.text else Text(""), seat.error)
    _section(console, "decision", summary.decision(run, points=None))
    if run.answer:
        _section(console, "answer", summary.answer(run.answer))
    console.print(Text("\nreceipt", "bold"))
    _print_calls(run)
    console.print(Text(receipt(run), "dim"))


def _section(console: Console, title: str, body: RenderableType, complaint: str | None = None) -> None:
    console.print(Text(f"\n{title}", "bold"))
    console.print(Padding(body, (0, 0, 0, 2), expand=False))
    if complaint:
        console.print(Padding(Text(one_line(complaint), "yellow"), (0, 0, 0, 2), expand=False))


def _question(run: Run) -> str:
    messages = msgspec.json.decode(run.request, type=list[Message])
    return plain(next((each.text() for each in reversed(messages) if each.role == "user"), ""))


def _plan(run: Run) -> Iterator[str]:
    plan = run.plan
    yield from plan.reasons
    yield f"{plan.strategy} of {len(run.seats)}, quorum {plan.quorum}"
    if plan.judge:
        yield f"judge {plan.judge}"
    if plan.synthesizer:
        yield f"synthesizer {plan.synthesizer}"
    if run.gathering:
        yield f"waiting ended: {run.gathering}"


def _seat_title(run: Run, seat: SeatReport) -> str:
    chosen = " (its answer was taken)" if run.decision.seat == seat.seat and len(run.seats) > 1 else ""
    return f"seat {seat.seat + 1}: {one_line(seat.model)}   {seat.outcome or 'unfinished'}{chosen}"


def _print_calls(run: Run) -> None:
    print_table(
        ("role", ">in", ">out", ">cost", ">time", "outcome", "model"),
        [
            (
                call.role,
                f"{call.tokens.input:,}",
                f"{'~' if call.tokens.estimated else ''}{call.tokens.output:,}",
                "?" if call.cost_usd is None else figures.dollars(call.cost_usd),
                figures.seconds(call.latency_ms),
                call.outcome,
                call.model,
            )
            for call in run.receipt.calls
        ],
    )
