"""`tritium runs`: what was asked, and how each answer was come by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tritium.cli import options
from tritium.cli.replay import replay
from tritium.cli.watch import watch

if TYPE_CHECKING:
    from tritium.ledger.runs import Runs, RunSummary

app = typer.Typer(help="What was asked, and how each answer was come by.", rich_markup_mode=None)
app.command("replay")(replay)
app.command("watch")(watch)

Limit = Annotated[int, typer.Option(min=1, max=1000, help="So many, newest first.")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    limit: Limit = 20,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """The newest runs, a line each."""
    if context.invoked_subcommand is None:
        list_runs(limit, config=config, as_json=as_json)


@app.command("list")
def list_runs(
    limit: Limit = 20,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Those of this fusion.")] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Those decided so, as `vote`.")] = None,
    outcome: Annotated[str | None, typer.Option(metavar="NAME", help="running, ok, failed, cancelled or lost.")] = None,
    replay_of: Annotated[str | None, typer.Option(metavar="ID", help="The replays of that run.")] = None,
    shadow_of: Annotated[str | None, typer.Option(metavar="ID", help="The one in that answer's shadow.")] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """The newest runs, a line each, or those that are asked for."""
    import msgspec

    from tritium.cli.terminal import print_json
    from tritium.ledger.runs import RunFilter

    among = RunFilter(model=model, strategy=strategy, outcome=outcome, replay_of=replay_of, shadow_of=shadow_of)
    with _stored(config) as stored:
        found = stored.recent(limit, None, among)
    if as_json:
        print_json(msgspec.json.encode([_line(each) for each in found]))
    else:
        _print_list(found)


def _line(run: RunSummary) -> dict[str, object]:
    from msgspec.structs import asdict

    line = asdict(run)
    cost = line.pop("cost_nanodollars")
    return {**line, "cost_usd": None if cost is None else cost / 1e9}


def _print_list(found: list[RunSummary]) -> None:
    from datetime import datetime

    from tritium.cli import figures
    from tritium.cli.table import print_table
    from tritium.cli.terminal import note

    if not found:
        note("No runs yet. Ask something: tritium ask 'How far is the moon?'")
        return
    print_table(
        ("id", "when", "outcome", "strategy", ">cost", ">time", "answer"),
        [
            (
                run.id,
                f"{datetime.fromtimestamp(run.created_at).astimezone():%Y-%m-%d %H:%M}",
                run.outcome or "",
                run.strategy or "",
                "?" if run.cost_nanodollars is None else figures.dollars(run.cost_nanodollars / 1e9),
                figures.seconds(run.latency_ms),
                run.answer_preview,
            )
            for run in found
        ],
    )


@app.command("show")
def show(
    run_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The run's id or how it begins; without one, the newest run.")
    ] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """One run, whole: plan, seats, votes, analysis, decision, receipt."""
    import msgspec

    from tritium.cli.run_page import print_run
    from tritium.cli.terminal import print_json
    from tritium.fusion.run import Run

    with _stored(config) as stored:
        document = _document(stored, run_id)
    if as_json:
        print_json(document)
    else:
        print_run(msgspec.json.decode(document, type=Run))


def _document(stored: Runs, run_id: str | None) -> bytes:
    from tritium.errors import NotFound

    if run_id is None:
        newest = stored.recent(1)
        if not newest:
            raise NotFound("There are no runs yet. Ask something: tritium ask 'How far is the moon?'")
        run_id = newest[0].id
    found = stored.get(stored.find(run_id))
    if found is None:
        raise NotFound(f"There is no run {run_id!r}. `tritium runs` lists what there is.")
    return found.document


@contextmanager
def _stored(config: options.ConfigFile) -> Iterator[Runs]:
    from tritium.ledger.runs import Runs
    from tritium.storage.database import Database

    database = Database.open(options.load(config).database_location())
    try:
        yield Runs(database)
    finally:
        database.close()
