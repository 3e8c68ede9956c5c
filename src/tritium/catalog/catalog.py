"""The catalogue: every name a caller may say, resolved to a Model; and what a fusion must know of each.

A name is `provider/model`, a model of the user's own, or one of the fusions. A provider that is switched on takes any
model name: vendors add models faster than catalogues learn of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tritium.chat import Usage
from tritium.errors import ConfigError, UnknownModel, suggestion
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.fusion.roster import Profile
from tritium.ledger.prices import Prices, cost_nanodollars
from tritium.model import Model
from tritium.providers.upstream import Source, Upstream

AUTOMATIC_SEATS = 3


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


class Listed(Struct, frozen=True):
    """A row of the catalogue for people and for `/models`."""

    id: str
    provider: str
    kind: str
    """`model`, `fusion` or `alias`."""
    prices: Prices | None
    context_tokens: int | None
    description: str = ""


class Catalog:
    """Names to models. Built once at start; refuses names that go round in a circle."""

    def __init__(
        self,
        shelves: Sequence[Shelf],
        fusions: Mapping[str, FusionOptions],
        aliases: Mapping[str, str],
        keys_of: Mapping[str, str],
    ) -> None:
        """`keys_of` says which environment variable would switch a provider on.

        Raises:
            ConfigError: an alias leads back to itself, or a fusion would ask itself.
        """
        self.shelves = {shelf.provider: shelf for shelf in shelves}
        self._keys_of = keys_of
        self._aliases = dict(aliases)
        self._fusions = {name: Fusion(name, options, self) for name, options in fusions.items()}
        self._upstreams: dict[str, Upstream] = {}
        for alias in self._aliases:
            self._follow(alias)
        for fusion in self._fusions:
            self._refuse_circle([fusion])

    # ------------------------------------------------------------ names

    def resolve(self, name: str) -> Model:
        """The model of that name.

        Raises:
            UnknownModel: there is none; the message says what was probably meant, or how to switch the provider on.
        """
        name = self._follow(name)
        return self._fusions.get(name) or self._upstreams.get(name) or self._upstream(name)

    def _follow(self, name: str) -> str:
        seen = [name]
        while (target := self._aliases.get(name)) is not None:
            if target in seen:
                raise ConfigError(f"models: the alias {' -> '.join([*seen, target])} goes round in a circle.")
            seen.append(target)
            name = target
        return name

    def _refuse_circle(self, path: list[str]) -> None:
        """A fusion whose member, judge or writer is itself, however far down, would never stop asking."""
        options = self._fusions[path[-1]].options
        named = [each if isinstance(each, str) else each.model for each in options.panel or ()]
        for member in map(self._follow, filter(None, (*named, options.judge, options.synthesizer))):
            if member in path:
                raise ConfigError(f"models: the fusion {' -> '.join([*path, member])} asks itself.")
            if member in self._fusions:
                self._refuse_circle([*path, member])

    def _upstream(self, name: str) -> Upstream:
        provider, slash, model = name.partition("/")
        shelf = self.shelves.get(provider)
        if shelf is None or not slash or not model or not (shelf.open_ended or model in shelf.models):
            raise self._unknown(name)
        upstream = Upstream(name, provider=provider, name=model, source=shelf.source, prices=shelf.prices(model))
        if model in shelf.models or len(self._upstreams) < _REMEMBERED:
            self._upstreams[name] = upstream
        return upstream

    def _unknown(self, name: str) -> UnknownModel:
        known = [row.id for row in self.listed()]
        hint = suggestion(name, known)
        provider = name.partition("/")[0]
        if provider not in self.shelves and provider in self._keys_of:
            hint = f" Set {self._keys_of[provider]} to switch {provider!r} on."
        return UnknownModel(
            f"{name} is not a valid model ID.{hint} `tritium models` lists what there is.",
            param="model",
            metadata={"requested_models": [name]},
        )

    def listed(self) -> list[Listed]:
        """Everything that has a name of its own here."""
        rows = [
            Listed(name, "tritium", "fusion", None, None, "A panel of models, fused into one answer.")
            for name in self._fusions
        ]
        rows += [
            Listed(name, "tritium", "alias", None, None, f"Another name for {target}.")
            for name, target in self._aliases.items()
        ]
        for shelf in self.shelves.values():
            if shelf.listed:
                rows += [
                    Listed(
                        f"{shelf.provider}/{model}",
                        shelf.provider,
                        "model",
                        shelf.prices(model),
                        shelf.context_tokens(model),
                    )
                    for model in shelf.models
                ]
        return rows

    # ------------------------------------------------------------ for fusions

    def profile(self, name: str) -> Profile:
        name = self._follow(name)
        shelf = self.shelves.get(name.partition("/")[0])
        if shelf is None or name in self._fusions:
            return Profile(name, name.partition("/")[0], strength=0.5)
        return shelf.profile(name)

    def automatic_panel(self) -> list[str]:
        """Up to three models of different makers from the best tier that has any; then a maker's second model."""
        for tier in sorted({shelf.tier for shelf in self.shelves.values() if shelf.panel}):
            ranked = [
                self.profile(f"{shelf.provider}/{model}")
                for shelf in self.shelves.values()
                if shelf.tier == tier
                for model in shelf.panel
            ]
            if ranked:
                return _different_makers_first(ranked)
        return []

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        model = self.resolve(name)
        return cost_nanodollars(usage, model.prices) if isinstance(model, Upstream) else None


_REMEMBERED = 10_000
"""Upstreams of unlisted names that are kept; a caller who invents names must not fill the memory."""


def _different_makers_first(ranked: list[Profile]) -> list[str]:
    ranked = sorted(ranked, key=lambda each: -each.strength)  # equals stay in the registry's order
    first_of_maker: dict[str, Profile] = {}
    for each in ranked:
        first_of_maker.setdefault(each.maker, each)
    chosen = list(first_of_maker.values())[:AUTOMATIC_SEATS]
    chosen += [each for each in ranked if each not in chosen][: AUTOMATIC_SEATS - len(chosen)]
    return [each.model for each in sorted(chosen, key=lambda each: -each.strength)]
