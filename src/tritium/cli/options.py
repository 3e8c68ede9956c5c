"""The options that several commands share, and the configuration they lead to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from tritium.config import Config

DEFAULT_MODEL = "tritium/fusion"

Strategy = Literal[
    "auto", "single", "cascade", "vote", "rank", "consensus", "synthesize", "self", "field_vote", "analysis"
]
Pack = Literal["tiny", "small", "full"]

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration (TOML); else tritium.toml, if it is here.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
ModelName = Annotated[
    str, typer.Option("--model", "-m", metavar="NAME", help="Who answers: a fusion, or any one model.")
]
Panel = Annotated[
    str | None,
    typer.Option(
        "--panel", "-p", metavar="A,B,C", help="The models to ask, instead of those found.", show_default=False
    ),
]
Judge = Annotated[str | None, typer.Option("--judge", metavar="MODEL", help="Who compares the answers.")]
Synthesizer = Annotated[str | None, typer.Option("--synthesizer", metavar="MODEL", help="Who writes from them.")]
HowToDecide = Annotated[
    Strategy | None,
    typer.Option("--strategy", "-s", help="How several answers become one; auto, unless said.", show_default=False),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", metavar="USD", min=0, max=1_000_000, help="Spend no more than this.")
]
PackName = Annotated[
    Pack | None, typer.Option("--pack", help="Ask the embedded models of this pack, fetched if they aren't here.")
]
System = Annotated[str | None, typer.Option("--system", metavar="TEXT", help="Instructions for every model.")]


def load(path: Path | None) -> Config:
    """The configuration a command runs with.

    Raises:
        ConfigError: it can't be used.
    """
    import os

    from tritium.config import find_config, load_config

    return load_config(find_config(path, os.environ))


@dataclass(frozen=True)
class FusionChoice:
    """What was said on the command line of how to fuse; None where nothing was."""

    panel: str | None = None
    judge: str | None = None
    synthesizer: str | None = None
    strategy: str | None = None
    max_cost_usd: float | None = None
    seed: int | None = None

    def field(self) -> dict[str, Any] | None:
        """The request's `fusion` field.

        Raises:
            InvalidRequest: the panel names nobody.
        """
        from tritium.errors import InvalidRequest

        panel = None if self.panel is None else [name.strip() for name in self.panel.split(",") if name.strip()]
        if panel == []:
            raise InvalidRequest("--panel names no model. Give one to eight, separated by commas.")
        options = {
            "panel": panel,
            "judge": self.judge,
            "synthesizer": self.synthesizer,
            "strategy": self.strategy,
            "max_cost_usd": self.max_cost_usd,
            "seed": self.seed,
        }
        return {name: value for name, value in options.items() if value is not None} or None

    def named(self) -> list[str]:
        """The options that only a fusion understands, as they were typed."""
        given = {
            "--panel": self.panel,
            "--judge": self.judge,
            "--synthesizer": self.synthesizer,
            "--strategy": self.strategy,
            "--max-cost": self.max_cost_usd,
        }
        return [name for name, value in given.items() if value is not None]
