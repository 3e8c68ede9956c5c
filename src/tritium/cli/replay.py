"""`tritium runs replay`: the same answers decided on otherwise, in this process; nobody on the panel is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tritium.cli import options

if TYPE_CHECKING:
    from tritium.config import Config
    from tritium.fusion.run import Run


def replay(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The run's id or how it begins.")],
    strategy: options.HowToDecide = None,
    judge: options.Judge = None,
    synthesizer: options.Synthesizer = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME", help="Another fusion, which decides.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the order in which the judge reads.")] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Decide anew on a run's answers, by another judge, writer or strategy; only they are paid."""
    import asyncio

    given = {"strategy": strategy, "judge": judge, "synthesizer": synthesizer, "model": model, "seed": seed}
    wish = {name: value for name, value in given.items() if value is not None}
    _print(asyncio.run(_replayed(options.load(config), run_id, wish)), as_json=as_json)


async def _replayed(settings: Config, prefix: str, wish: dict[str, Any]) -> Run:
    """The new run.

    Raises:
        TritiumError: there is no such run, or no new answer.
    """
    import msgspec

    from tritium.app import running
    from tritium.errors import NotFound, UpstreamUnavailable
    from tritium.fusion.past_run import replay_request
    from tritium.fusion.run import Run

    async with running(settings) as up:
        run_id = await up.records.find_run(prefix)
        document = await up.records.run(run_id)
        if document is None:
            raise NotFound(f"There is no run {run_id!r}. `tritium runs` lists what there is.")
        past = msgspec.json.decode(document, type=Run)
        found: Run | None = None
        async with up.gateway.replay(replay_request(past, wish), past) as chunks:
            async for chunk in chunks:
                if chunk.event is not None and chunk.event["type"] == "run":
                    found = chunk.event["document"]
    if found is None:
        raise UpstreamUnavailable("The replay ended without a run.", provider="fusion")
    return found


def _print(run: Run, *, as_json: bool) -> None:
    import msgspec

    from tritium.cli.receipt import receipt
    from tritium.cli.terminal import note, output, plain, print_json, shown

    if as_json:
        print_json(msgspec.json.encode(run))
    elif shown():
        from tritium.cli import summary

        summary.show(output(), run)
    else:
        print(plain(run.answer))
        note(receipt(run))
