"""All commands, one file each.

Nothing heavy is imported before a command runs: `tritium --help` and the shell's completion must feel instant.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tritium.cli import ask, chat, doctor, fusion, keys, models, runs, serve

app = typer.Typer(
    name="tritium",
    help="Many language models, fused into one, behind one OpenAI-compatible API.",
    epilog="Begin with: tritium ask 'How far is the moon?'   Something wrong? tritium doctor",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich would make --help three times as slow
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models")
app.add_typer(runs.app, name="runs")
app.add_typer(fusion.app, name="fusion")
app.add_typer(keys.app, name="keys")
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tritium import __version__

        print(f"tritium {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Many language models, fused into one, behind one OpenAI-compatible API."""
