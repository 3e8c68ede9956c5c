"""Models being installed, shown: bars at a terminal, a line every tenth elsewhere. All of it on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tritium.cli import figures
from tritium.cli.terminal import note, notes
from tritium.providers.local.install import Progress, install
from tritium.providers.local.packs import EmbeddedModel, Manifest
from tritium.providers.local.shelf import InstalledModel

_WORDS = {
    "waiting": "waits for another process",
    "downloading": "downloading",
    "joining": "joining and checking",
    "installed": "installed",
}


def download(pack: str, root: Path, manifest: Manifest, pip_arguments: Sequence[str] = ()) -> list[InstalledModel]:
    """Install a pack or a model, showing how far it is.

    Raises:
        LocalModelError: see `install`.
        KeyboardInterrupt: after saying that nothing is lost.
    """
    shown = _bars if sys.stderr.isatty() else _lines
    try:
        with shown(manifest.select(pack)) as tell:
            return install(pack, root, tell, manifest=manifest, pip_arguments=pip_arguments)
    except KeyboardInterrupt:
        note(f"Interrupted. What is done is kept; `tritium models install {pack}` goes on from there.")
        raise


@contextmanager
def _bars(models: Sequence[EmbeddedModel]) -> Iterator[Callable[[Progress], None]]:
    from rich import progress as bars

    columns = (
        bars.TextColumn("  {task.fields[model]}"),
        bars.BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(compact=True),
        bars.TextColumn("{task.description}", style="dim"),
    )
    with bars.Progress(*columns, console=notes(), transient=False) as drawn:
        tasks = {
            model.id: drawn.add_task("", total=model.download_bytes, start=False, model=model.id) for model in models
        }

        def tell(progress: Progress) -> None:
            task = tasks[progress.model]
            drawn.start_task(task)
            total = progress.total_bytes or None
            drawn.update(task, description=_WORDS[progress.stage], completed=progress.done_bytes, total=total)

        yield tell


@contextmanager
def _lines(models: Sequence[EmbeddedModel]) -> Iterator[Callable[[Progress], None]]:
    said: set[tuple[str, str, int]] = set()
    sizes = {model.id: figures.size(model.download_bytes) for model in models}

    def tell(progress: Progress) -> None:
        tenth = 10 * progress.done_bytes // (progress.total_bytes or 1)
        step = (progress.model, progress.stage, tenth if progress.stage == "downloading" else 0)
        if step not in said:
            said.add(step)
            part = f" {10 * tenth} % of {sizes[progress.model]}" if progress.stage == "downloading" else ""
            note(f"  {progress.model}: {_WORDS[progress.stage]}{part}")

    yield tell
