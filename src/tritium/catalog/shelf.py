"""A provider that is switched on, as the catalogue sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from tritium.catalog.capabilities import UNKNOWN, Capabilities
from tritium.fusion.roster import Profile
from tritium.ledger.prices import Prices
from tritium.providers.upstream import Source
from tritium.providers.vectors import VectorSource
from tritium.routing.limit import Gate


class Shelf(Struct, frozen=True):
    """A provider that is switched on: its source, what it is known to serve, and how its models are priced."""

    provider: str
    source: Source
    models: Sequence[str]
    """Known names; any other is passed on when `open_ended`."""
    panel: Sequence[str]
    """For the automatic panel, best first."""
    prices: Callable[[str], Prices | None]
    context_tokens: Callable[[str], int | None]
    profile: Callable[[str], Profile]
    """By model id."""
    open_ended: bool = True
    tier: int = 0
    """The automatic panel takes the lowest tier that is there: 0 vendors, 1 servers on this machine, 2 embedded."""
    listed: bool = True
    """Shown in `/models`."""
    capabilities: Callable[[str], Capabilities] = lambda _: UNKNOWN
    vectors: VectorSource | None = None
    """For embeddings and reranking; None where the provider can do neither."""
    embeddings: Sequence[str] = ()
    """Known models that embed."""
    embedding_prices: Callable[[str], Prices | None] = lambda _: None
    title: str | None = None
    """The provider's name for people; callers may use it too."""
    public: bool = False
    """`provider/model` is what the model is called at large: others may serve it, and variants of it are ours."""
    authors: tuple[str, ...] = ()
    """Other first parts of a name that mean this provider's models, as `google` for Gemini."""
    sells_on: bool = False
    """A router to many vendors' models by their public names, that understands `provider` itself."""
    remote: bool = False
    """Reached over a network: what fails may work the second time."""
    collects_data: bool | None = None
    retains_data: bool | None = None
    quantization: str | None = None
    ignored: Callable[[str], frozenset[str]] = lambda _: frozenset()
    """By model: parameters that it does without."""
    gates: Callable[[str], tuple[Gate, ...]] = lambda _: ()
    """By model: where its requests wait in line."""
