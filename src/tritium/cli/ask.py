"""`tritium ask`: one question, one answer, and how it was come by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tritium.cli import options
from tritium.cli.options import DEFAULT_MODEL, FusionChoice

if TYPE_CHECKING:
    from tritium.app import Running
    from tritium.cli.turn import Turn, WatcherContext
    from tritium.config import Config
    from tritium.errors import TritiumError
    from tritium.fusion.run import Run


def ask(  # noqa: PLR0917 - each is an option by name
    question: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUESTION", help="The question; '-' or nothing reads it from standard input."),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", metavar="PATH", help="A text file to send along; may be repeated."),
    ] = None,
    model: options.ModelName = DEFAULT_MODEL,
    panel: options.Panel = None,
    strategy: options.HowToDecide = None,
    judge: options.Judge = None,
    synthesizer: options.Synthesizer = None,
    pack: options.PackName = None,
    system: options.System = None,
    max_cost: options.MaxCost = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Length of an answer at most, in tokens.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="0..2", min=0, max=2, help="0 is sober, 1 varied.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="For answers that can be had again, where a model can.")
    ] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The answer, and nothing beside it.")] = False,
) -> None:
    """Ask a panel of models, and get one answer.

    On a terminal you see the models answer; into a pipe goes the answer alone.
    """
    from tritium.cli.first_run import panel_of_pack
    from tritium.cli.question import read_question, standard_input

    settings = options.load(config)
    text = read_question(question or [], file or [], standard_input())
    choice = FusionChoice(panel, judge, synthesizer, strategy, max_cost, seed)
    if pack is not None:
        choice = panel_of_pack(pack, settings, choice)
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    asking = _Asking(settings, model, messages, choice, as_json=as_json, quiet=quiet)
    asking.ask(max_tokens=max_tokens, temperature=temperature)


class _Asking:
    """From the command line's values to what is printed."""

    def __init__(
        self,
        settings: Config,
        model: str,
        messages: list[dict[str, str]],
        choice: FusionChoice,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        self._settings = settings
        self._model = model
        self._messages = messages
        self._choice = choice
        self._as_json = as_json
        self._quiet = quiet
        self._turn: Turn | None = None

    def ask(self, **parameters: Any) -> None:
        """Ask, having fetched models if there is nobody to ask."""
        import asyncio

        from tritium.cli.exits import INTERRUPTED
        from tritium.cli.first_run import fetch_models
        from tritium.cli.terminal import note

        try:
            if not asyncio.run(self._answered(parameters)):
                fetch_models(self._settings)
                asyncio.run(self._answered(parameters, at_last=True))
        except KeyboardInterrupt:
            if self._turn is not None:
                seen = f" What there was: tritium runs show {self._turn.run_id}" if self._turn.fused else ""
                note(f"Interrupted; nothing runs on.{seen}")
            raise typer.Exit(INTERRUPTED) from None

    async def _answered(self, parameters: dict[str, Any], *, at_last: bool = False) -> bool:
        """Whether there was anybody to ask. If so, the answer has been printed.

        Raises:
            TritiumError: there is no answer.
        """
        from tritium.app import running
        from tritium.cli.turn import Turn, build_request, finds_nobody
        from tritium.errors import TritiumError

        async with running(self._settings) as up:
            try:
                request = build_request(up, self._model, self._messages, self._choice, **parameters)
                if not at_last and finds_nobody(up, request):
                    return False
                self._turn = Turn(up, request)
                async with self._watcher() as watcher:
                    run = await self._turn.hold(watcher)
            except TritiumError as error:
                if self._as_json:
                    await self._print_failure(up, error)
                raise
        self._print(run)
        return True

    def _watcher(self) -> WatcherContext:
        from tritium.cli.terminal import output, shown
        from tritium.cli.turn import Silence

        if self._as_json or (shown() and self._quiet):
            return Silence()
        if shown():
            from tritium.cli.view import LiveView

            return LiveView(output())
        from tritium.cli.pipe import Pipe

        return Pipe()

    def _print(self, run: Run) -> None:
        import msgspec

        from tritium.cli.terminal import note, output, print_json, shown

        if self._as_json:
            print_json(msgspec.json.encode(run))
        elif shown():
            from tritium.cli import summary

            summary.show(output(), run, quiet=self._quiet)
        elif not self._quiet:
            from tritium.cli.receipt import receipt

            note(receipt(run))

    async def _print_failure(self, up: Running, error: TritiumError) -> None:
        """The run as far as it got; for what never became one, the error."""
        import msgspec

        from tritium.cli.terminal import print_json

        document = await up.records.run(self._turn.run_id) if self._turn is not None else None
        print_json(document or msgspec.json.encode({"error": {"message": error.message, "type": error.kind}}))
