"""`tritium fusion explain`: who would be asked, why, and what it would cost; nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tritium.cli import options
from tritium.cli.options import DEFAULT_MODEL, FusionChoice

if TYPE_CHECKING:
    from tritium.chat import ChatRequest
    from tritium.config import Config
    from tritium.fusion.quote import Quote, QuotedCall

app = typer.Typer(help="What a fusion would do, before it does it.", rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What a fusion would do, before it does it."""


@app.command("explain")
def explain(  # noqa: PLR0917 - each is an option by name
    question: Annotated[
        list[str], typer.Argument(metavar="QUESTION", help="The question; '-' reads it from standard input.")
    ],
    model: options.ModelName = DEFAULT_MODEL,
    panel: options.Panel = None,
    strategy: options.HowToDecide = None,
    judge: options.Judge = None,
    synthesizer: options.Synthesizer = None,
    system: options.System = None,
    max_cost: options.MaxCost = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the plan, the seats and why, and what it would cost, usually and at worst. Nobody is asked."""
    import asyncio

    import msgspec

    from tritium.chat import ChatRequest
    from tritium.cli.question import read_question, standard_input
    from tritium.cli.terminal import print_json

    settings = options.load(config)
    text = read_question(question, [], standard_input())
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    choice = FusionChoice(panel, judge, synthesizer, strategy, max_cost)
    quote = asyncio.run(_quoted(settings, ChatRequest.build(model, messages, fusion=choice.field())))
    if as_json:
        print_json(msgspec.json.encode(quote))
    else:
        _print(quote)


async def _quoted(settings: Config, request: ChatRequest) -> Quote:
    from tritium.app import running

    async with running(settings) as up:
        return await up.gateway.quote(request)


def _print(quote: Quote) -> None:
    from tritium.cli.table import print_table
    from tritium.cli.terminal import one_line

    print(f"{one_line(quote.model)}: {quote.strategy}, the answer is {quote.kind}; nobody was asked\n")
    print_table(("call", "model", "maker", ">usually", ">at worst", "when"), [_row(call) for call in quote.calls])
    print(f"\nusually {_dollars(quote.expected_cost_usd)}, at worst {_dollars(quote.worst_cost_usd)}")
    print(f"{one_line(quote.best_single_model)} alone: usually {_dollars(quote.best_single_cost_usd)}\n")
    for reason in quote.reasons:
        print(f"- {one_line(reason)}")
    for warning in quote.warnings:
        print(f"! {one_line(warning)}")


def _row(call: QuotedCall) -> tuple[str, ...]:
    if call.when == "never":
        return (_who(call), call.model, call.maker or "", "", "", f"left out: {call.reason}")
    costs = (_dollars(call.expected_cost_usd), _dollars(call.worst_cost_usd))
    return (_who(call), call.model, call.maker or "", *costs, call.when)


def _who(call: QuotedCall) -> str:
    return call.role if call.seat is None else f"{call.role} {call.seat}"


def _dollars(usd: float | None) -> str:
    from tritium.cli import figures

    return "?" if usd is None else figures.dollars(usd)
