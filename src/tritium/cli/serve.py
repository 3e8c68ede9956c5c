"""`tritium serve`: its options."""

from __future__ import annotations

from typing import Annotated

import typer

from tritium.cli import options


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8484")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Processes that share the port. Each loads the embedded models for itself.",
            show_default="1",
        ),
    ] = None,
    config: options.ConfigFile = None,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Let other machines in without keys, if there are none.")
    ] = False,
) -> None:
    """Serve the OpenAI-compatible API. Ctrl-C stops it."""
    from tritium.cli.server import run_server

    run_server(host=host, port=port, workers=workers, config=config, allow_public=allow_public)
