"""Everything that can go wrong with embedded models, in the words of the person who must act.

TritiumError
  x LocalModelError         weights can't be had, kept or found
    + UnknownPack           no pack, model or file goes by this name
    + WeightsUnavailable    the package is gone, or no registry answers
    + WeightsDamaged        what came is not what was pinned
    + DiskTooSmall
    + FolderUnusable        the models' folder can't be read or written
    + NotAModel             the file is no GGUF
    + NameTaken             another file is registered under this name
    + NotInstalled          nothing of that name to remove
    + InstallBusy           another process is at work on the same model
    + PackIncomplete        some models of a pack are there, some aren't
  x UpstreamUnavailable
    + RuntimeMissing        llama.cpp is not installed
    + ModelUnloadable       llama.cpp can't load the file
    + GenerationFailed      llama.cpp broke off
  x UpstreamRejected
    + GenerationRefused     llama.cpp refused the request
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tritium.errors import TritiumError, UpstreamRejected, UpstreamUnavailable

if TYPE_CHECKING:
    from tritium.providers.local.shelf import InstalledModel

PROVIDER = "local"
CLOSED = "the runtime of the embedded models is closed"


class LocalModelError(TritiumError):
    """The weights of an embedded model can't be had, kept or found."""


class UnknownPack(LocalModelError):
    """No pack, no model and no file goes by this name."""


class WeightsUnavailable(LocalModelError):
    """The package that holds the weights is gone, or no registry answers."""


class WeightsDamaged(LocalModelError):
    """The weights that came are not the ones that were pinned; nothing of them is kept."""


class DiskTooSmall(LocalModelError):
    """The disk has no room for the download and the joined file."""


class FolderUnusable(LocalModelError):
    """The folder that keeps the models can't be read or written."""


class NotAModel(LocalModelError):
    """The file is missing or no GGUF."""


class NameTaken(LocalModelError):
    """Another model already goes by the name this file would get."""


class NotInstalled(LocalModelError):
    """There is nothing of that name to remove or to load."""


class InstallBusy(LocalModelError):
    """Another process is downloading or removing the same model."""


class PackIncomplete(LocalModelError):
    """Some models of a pack could not be installed; those in `installed` can be used.

    `reasons` says why, by model id.
    """

    def __init__(self, pack: str, installed: Sequence[InstalledModel], reasons: Mapping[str, LocalModelError]) -> None:
        usable = ", ".join(model.id for model in installed) or "none"
        failed = "; ".join(f"{model_id}: {reason}" for model_id, reason in reasons.items())
        super().__init__(f"pack {pack!r} is incomplete; usable: {usable}; failed: {failed}")
        self.installed = list(installed)
        self.reasons = dict(reasons)


class RuntimeMissing(UpstreamUnavailable):
    """llama.cpp's Python package is not installed, or not for this machine."""


class ModelUnloadable(UpstreamUnavailable):
    """llama.cpp can't load the model's file."""


class GenerationRefused(UpstreamRejected):
    """llama.cpp refused the request; `type` is its own word for why, such as `exceed_context_size_error`."""

    def __init__(self, message: str, *, status: int, type: str) -> None:  # noqa: A002  # the wire's own word
        super().__init__(message, provider=PROVIDER, upstream_status=status, metadata={"type": type})
        self.type = type


class GenerationFailed(UpstreamUnavailable):
    """llama.cpp failed while it answered, or the runtime was closed meanwhile."""

    def __init__(self, message: str, *, status: int = 500, type: str = "server_error") -> None:  # noqa: A002  # as above
        super().__init__(message, provider=PROVIDER, upstream_status=status, metadata={"type": type})
        self.type = type
