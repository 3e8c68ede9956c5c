"""`tritium chat`: a conversation at the terminal, every answer a run like any other."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tritium.cli import options
from tritium.cli.options import DEFAULT_MODEL, FusionChoice

if TYPE_CHECKING:
    import asyncio

    from tritium.app import Running

HELP = """\
  /model NAME   ask somebody else       /model   says who is asked
  /new          begin anew              /exit    leave, as Ctrl-D does
  Ctrl-C stops the answer that is being given."""


def chat(  # noqa: PLR0917 - each is an option by name
    model: options.ModelName = DEFAULT_MODEL,
    panel: options.Panel = None,
    strategy: options.HowToDecide = None,
    judge: options.Judge = None,
    synthesizer: options.Synthesizer = None,
    pack: options.PackName = None,
    system: options.System = None,
    max_cost: options.MaxCost = None,
    config: options.ConfigFile = None,
) -> None:
    """Talk with a panel of models. /help says what can be typed."""
    import asyncio

    from tritium.app import running
    from tritium.cli.first_run import fetch_models, panel_of_pack
    from tritium.cli.turn import build_request, finds_nobody

    settings = options.load(config)
    choice = FusionChoice(panel, judge, synthesizer, strategy, max_cost)
    if pack is not None:
        choice = panel_of_pack(pack, settings, choice)

    async def nobody() -> bool:
        async with running(settings) as up:
            return finds_nobody(up, build_request(up, model, [{"role": "user", "content": "-"}], choice))

    if asyncio.run(nobody()):
        fetch_models(settings)
    # The loop rests while the user types, and Ctrl-C during an answer ends that answer alone.
    with asyncio.Runner() as runner:
        gateway = running(settings)
        up = runner.run(gateway.__aenter__())
        try:
            Conversation(runner, up, model, choice, system).hold()
        finally:
            runner.run(gateway.__aexit__(None, None, None))


class Conversation:
    """Questions and answers so far, and who is asked next."""

    def __init__(
        self, runner: asyncio.Runner, up: Running, model: str, choice: FusionChoice, system: str | None
    ) -> None:
        self._runner = runner
        self._up = up
        self._model = model
        self._choice = choice
        self._start = [{"role": "system", "content": system}] if system else []
        self._messages = list(self._start)

    def hold(self) -> None:
        """Until the user leaves."""
        from tritium.cli.terminal import note

        with suppress(ImportError):  # Windows has none; typing works without
            import readline  # noqa: F401 - importing it gives `input` a history and line editing
        note(f"Talking with {self._model}. /help helps, Ctrl-D leaves.")
        while True:
            try:
                line = input("\n> ").strip()
            except EOFError:
                note("")
                return
            except KeyboardInterrupt:
                note("\nCtrl-D leaves.")
                continue
            if line in ("/exit", "/quit"):
                return
            if line.startswith("/"):
                self._command(line)
            elif line:
                self._ask(line)

    def _command(self, line: str) -> None:
        from tritium.cli.terminal import complain, note
        from tritium.errors import TritiumError

        name, _, argument = line.partition(" ")
        if name == "/new":
            self._messages = list(self._start)
            note("A new conversation.")
        elif name == "/model" and argument.strip():
            try:
                self._switch(argument.strip())
            except TritiumError as error:
                complain(error.message)
        elif name == "/model":
            note(self._model)
        else:
            note(HELP if name == "/help" else f"There is no {name}.\n{HELP}")

    def _switch(self, model: str) -> None:
        """Ask another model from now on; what was said stays. A panel named at the start belongs to the first model."""
        from tritium.cli.terminal import note

        self._up.catalog.resolve(model)
        self._model, self._choice = model, FusionChoice()
        note(f"Now talking with {model}.")

    def _ask(self, question: str) -> None:
        from tritium.cli.terminal import complain, note
        from tritium.errors import TritiumError

        self._messages.append({"role": "user", "content": question})
        try:
            answer = self._runner.run(self._answered())
        except KeyboardInterrupt:
            note("Stopped.")
        except TritiumError as error:
            complain(error.message)
        else:
            self._messages.append({"role": "assistant", "content": answer})
            return
        self._messages.pop()

    async def _answered(self) -> str:
        import asyncio

        from tritium.cli import summary
        from tritium.cli.pipe import Pipe
        from tritium.cli.receipt import receipt
        from tritium.cli.terminal import note, output, shown
        from tritium.cli.turn import Turn, build_request
        from tritium.cli.view import LiveView

        await asyncio.sleep(0)  # connections that were closed meanwhile are noticed before one is used
        request = build_request(self._up, self._model, self._messages, self._choice)
        console = output()
        async with LiveView(console) if shown() else Pipe() as watcher:
            run = await Turn(self._up, request).hold(watcher)
        if shown():
            summary.show(console, run)
        else:
            note(receipt(run))
        return run.answer
