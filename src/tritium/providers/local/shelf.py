"""The folder that keeps the models: which are there, which files elsewhere are registered, and what is taken away.

    ROOT/<model id>/<model id>.gguf     complete and verified, or absent; LICENSE and NOTICE beside it
    ROOT/.partial/<model id>/           finished parts of a download, until the model is complete
    ROOT/.locks/                        one file per model at work, one for the index
    ROOT/registered.json                name -> path of a GGUF that is kept elsewhere

A model's file appears by one rename, so whoever lists the folder never sees half a model.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from tritium.errors import suggestion
from tritium.providers.local.faults import DiskTooSmall, FolderUnusable, InstallBusy, NameTaken, NotAModel, NotInstalled
from tritium.providers.local.lock import locked
from tritium.providers.local.packs import EmbeddedModel, Manifest, embedded_models

_MAGIC = b"GGUF"
_CONTEXT_LENGTH = 4096
"""Tokens to load a registered file with, whose own limits we don't read."""


class InstalledModel(Struct, frozen=True):
    """A model that can be loaded: one GGUF file and what is known about it."""

    id: str
    name: str
    maker: str
    """`local` for a registered file, whose maker we don't know."""
    path: Path
    size_bytes: int
    context_length: int = _CONTEXT_LENGTH
    parameters: int | None = None
    licence: str | None = None
    quality: float | None = None
    """As in the manifest; None when never measured."""
    peak_memory_mb: int | None = None


def installed(root: Path, manifest: Manifest | None = None) -> list[InstalledModel]:
    """Every model that can be loaded now: the embedded ones in the manifest's order, then the registered files.

    A registered file that is gone is left out until it is back.

    Raises:
        FolderUnusable: the folder or its index can't be read.
    """
    with usable(root):
        embedded = [on_shelf(model, root) for model in (manifest or embedded_models()).models if complete(model, root)]
        registered = [_registered(name, path) for name, path in sorted(_index(root).items()) if path.is_file()]
    return embedded + registered


def complete(model: EmbeddedModel, root: Path) -> bool:
    """It was verified before it was put there; the size only guards against a file somebody else cut."""
    path = gguf_path(model, root)
    return path.is_file() and path.stat().st_size == model.gguf_bytes


def on_shelf(model: EmbeddedModel, root: Path) -> InstalledModel:
    return InstalledModel(
        id=model.id,
        name=model.name,
        maker=model.maker,
        path=gguf_path(model, root),
        size_bytes=model.gguf_bytes,
        context_length=model.context_length,
        parameters=model.parameters,
        licence=model.licence,
        quality=model.quality,
        peak_memory_mb=model.peak_memory_mb,
    )


def register(path: Path, root: Path, manifest: Manifest | None = None) -> InstalledModel:
    """Note a GGUF that is kept elsewhere, under its file's name; it is neither copied nor changed.

    Raises:
        NotAModel: there is no such file, or it is no GGUF.
        NameTaken: an embedded model or another file goes by that name.
        FolderUnusable: the index can't be written.
    """
    path = path.expanduser().absolute()
    _check_gguf(path)
    name = path.stem
    if (manifest or embedded_models()).model(name):
        raise NameTaken(f"{name!r} is the name of an embedded model; rename {path.name!r} to register it")
    with usable(root), locked(root / ".locks" / "index"):
        index = _index(root)
        if index.get(name, path) != path:
            raise NameTaken(f"{name!r} is registered for {index[name]}; remove it first, or rename {path.name!r}")
        _write_index(root, {**index, name: path})
    return _registered(name, path)


def remove(name: str, root: Path, manifest: Manifest | None = None) -> None:
    """Take a model off the shelf: delete an embedded one with its parts, forget a registered file (it stays).

    Raises:
        NotInstalled: no model of that name is here.
        InstallBusy: another process is downloading it.
        FolderUnusable: the folder can't be written.
    """
    model = (manifest or embedded_models()).model(name)
    with usable(root):
        removed = _delete(model, root) if model else _forget(name, root)
        if not removed:
            names = [each.id for each in installed(root, manifest)]
            raise NotInstalled(f"no model {name!r} is installed;{suggestion(name, names)} there is {names or 'none'}")


def gguf_path(model: EmbeddedModel, root: Path) -> Path:
    return root / model.id / f"{model.id}.gguf"


def partial_folder(model: EmbeddedModel, root: Path) -> Path:
    return root / ".partial" / model.id


def model_lock(model: EmbeddedModel, root: Path) -> Path:
    return root / ".locks" / model.id


@contextmanager
def usable(root: Path) -> Iterator[None]:
    """Turn what the file system refuses into a sentence about the folder.

    Raises:
        DiskTooSmall, FolderUnusable
    """
    try:
        yield
    except OSError as refused:
        if refused.errno == errno.ENOSPC:
            raise DiskTooSmall(f"the disk of the models' folder {str(root)!r} is full") from refused
        if refused.filename is None:  # nothing to do with files: a timeout, a broken pipe
            raise
        raise FolderUnusable(
            f"the models' folder {str(root)!r} can't be used: {refused.strerror} ({str(refused.filename)!r})"
        ) from refused


def _delete(model: EmbeddedModel, root: Path) -> bool:
    def busy() -> None:
        raise InstallBusy(f"{model.id!r} is being downloaded by another process; stop that first")

    if not root.is_dir():
        return False
    with locked(model_lock(model, root), waiting=busy):
        folders = [folder for folder in (gguf_path(model, root).parent, partial_folder(model, root)) if folder.is_dir()]
        for folder in folders:
            shutil.rmtree(folder)
    return bool(folders)


def _forget(name: str, root: Path) -> bool:
    if name not in _index(root):
        return False
    with locked(root / ".locks" / "index"):
        index = _index(root)
        if index.pop(name, None):
            _write_index(root, index)
    return True


def _registered(name: str, path: Path) -> InstalledModel:
    return InstalledModel(id=name, name=name, maker="local", path=path, size_bytes=path.stat().st_size)


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as refused:
        raise NotAModel(f"{str(path)!r} can't be read: {refused.strerror}") from refused
    if magic != _MAGIC:
        raise NotAModel(f"{str(path)!r} is no GGUF file (it begins with {magic!r}, not {_MAGIC!r})")


def _index(root: Path) -> dict[str, Path]:
    file = root / "registered.json"
    try:
        paths = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as damaged:
        raise FolderUnusable(
            f"{str(file)!r} is damaged ({damaged}); delete it and register the files again"
        ) from damaged
    return {name: Path(path) for name, path in paths.items()}


def _write_index(root: Path, index: dict[str, Path]) -> None:
    descriptor, name = tempfile.mkstemp(dir=root, prefix=".registered-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode({name: str(path) for name, path in index.items()}))
    Path(name).replace(root / "registered.json")
