"""The catalogue: every name a caller may say, resolved to a Model; and what a fusion must know of each.

A name is `provider/model`, a model of the user's own, or one of the fusions. A provider that is switched on takes any
model name: vendors add models faster than catalogues learn of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tritium.catalog.capabilities import EMBEDDINGS, FUSION, UNKNOWN, Capabilities
from tritium.catalog.scout import Scout
from tritium.catalog.shelf import Shelf
from tritium.catalog.slugs import Policy, Slugs
from tritium.catalog.vector_endpoint import VectorEndpoint
from tritium.chat import ChatRequest, Usage
from tritium.errors import ConfigError, InvalidRequest, UnknownModel, suggestion
from tritium.fusion.automatic_panel import choose_panel
from tritium.fusion.commons import Commons
from tritium.fusion.doors import through_doors
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.fusion.roster import Facts, Pace, Profile
from tritium.ledger.prices import Prices, cost_nanodollars
from tritium.model import Model
from tritium.providers.upstream import Upstream
from tritium.providers.vector_model import VectorModel
from tritium.routing.balance import Balanced
from tritium.routing.endpoint import Endpoint
from tritium.routing.fallback import Fallback, fallback_names
from tritium.routing.limit import Limited
from tritium.routing.preferences import read_preferences
from tritium.routing.presets import Preset, names_preset, with_preset

__all__ = ["Catalog", "Listed", "Shelf"]


BESIDE = "tritium/fusion"
"""Whose options hold for a panel that a request puts beside another model."""


class Listed(Struct, frozen=True):
    """A row of the catalogue for people and for `/models`."""

    id: str
    provider: str
    kind: str
    """`model`, `fusion`, `route` or `alias`."""
    prices: Prices | None
    context_tokens: int | None
    description: str = ""
    maker: str = "tritium"
    capabilities: Capabilities = UNKNOWN
    target: str | None = None
    """What an alias is another name for."""


class Catalog:
    """Names to models. Built once at start; refuses names that go round in a circle."""

    def __init__(
        self,
        shelves: Sequence[Shelf],
        fusions: Mapping[str, FusionOptions],
        aliases: Mapping[str, str],
        keys_of: Mapping[str, str],
        slugs: Slugs | None = None,
        presets: Mapping[str, Preset] | None = None,
        commons: Commons | None = None,
    ) -> None:
        """`keys_of` says which environment variable would switch a provider on, `slugs` who serves which name.

        Raises:
            ConfigError: an alias leads back to itself, or a fusion would ask itself.
        """
        self.shelves = {shelf.provider: shelf for shelf in shelves}
        self._keys_of = keys_of
        self._aliases = dict(aliases)
        self.commons = commons or Commons()
        self._fusions = {name: Fusion(name, options, self, self.commons) for name, options in fusions.items()}
        self._slugs = slugs or Slugs(self.shelves, {}, Policy())
        self.presets = presets or {}
        self._scout = Scout(self.shelves, self.endpoints, endpoint_name)
        for alias in self._aliases:
            self._follow(alias)
        self._beside = self._fusions.get(self._follow(BESIDE)) or Fusion(BESIDE, FusionOptions(), self, self.commons)
        for fusion in self._fusions:
            self._refuse_circle([fusion])

    # ------------------------------------------------------------ names

    def resolve(self, name: str) -> Model:
        """The model of that name.

        Raises:
            UnknownModel: there is none; the message says what was probably meant, or how to switch the provider on.
        """
        name = self._follow(name)
        found = self._fusions.get(name) or self._slugs.find(name)
        if found is None:
            raise self._unknown(name)
        return found

    def prepared(self, request: ChatRequest) -> ChatRequest:
        """The request with its preset put in, if it names one.

        Raises:
            InvalidRequest: there is no such preset, or it leaves the model open.
        """
        return with_preset(request, self.presets) if names_preset(request) else request

    def route(self, request: ChatRequest) -> Model:
        """The model that answers a request: the one it names, its fallbacks, and a panel at its side if that is asked.

        Raises:
            UnknownModel: one of its models is unknown.
            InvalidRequest: its `models` or `provider` is wrong, or what it says of a fusion.
        """
        model = self._routed(request)
        if "tools" in request.fields or "plugins" in request.fields:
            return through_doors(model, request, self._beside, self)
        return model

    def _routed(self, request: ChatRequest) -> Model:
        """The model that a request names, followed by its fallbacks.

        Raises:
            UnknownModel: one of its models is unknown.
            InvalidRequest: its `models` or `provider` is wrong.
        """
        if "models" not in request.fields:
            return self.resolve(request.model)
        names = fallback_names(request)
        models = [self.resolve(name) for name in names]
        if read_preferences(request).across_models and all(isinstance(model, Balanced) for model in models):
            balanced = [model for model in models if isinstance(model, Balanced)]
            pooled = [endpoint for model in balanced for endpoint in model.endpoints]
            models = [Balanced(models[0].id, pooled, sessions=balanced[0].sessions)]
        return Fallback(models)

    def is_alias(self, name: str) -> bool:
        return name in self._aliases

    def endpoints(self, name: str) -> Sequence[Endpoint]:
        """Who serves that name; empty for a fusion and for a name that nobody serves."""
        name = self._follow(name)
        return () if name in self._fusions else self._slugs.endpoints(name)

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
        asked = (*(options.panel or ()), *(options.bench or ()))
        named = [each if isinstance(each, str) else each.model for each in asked]
        for member in map(self._follow, filter(None, (*named, options.judge, options.synthesizer))):
            if member in path:
                raise ConfigError(f"models: the fusion {' -> '.join([*path, member])} asks itself.")
            if member in self._fusions:
                self._refuse_circle([*path, member])

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
            Listed(
                name,
                "tritium",
                "fusion",
                None,
                None,
                "A panel of models, fused into one answer.",
                capabilities=FUSION,
            )
            for name in self._fusions
        ]
        rows += [
            Listed(
                name,
                "tritium",
                "alias",
                None,
                None,
                f"Another name for {target}.",
                capabilities=self.capabilities(target),
                target=self._follow(target),
            )
            for name, target in self._aliases.items()
        ]
        rows += [
            Listed(
                name,
                "tritium",
                "route",
                None,
                None,
                f"Served by {', '.join(endpoints)}.",
                capabilities=self.capabilities(endpoints[0]),
            )
            for name, endpoints in self._slugs.routes.items()
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
                        maker=shelf.profile(f"{shelf.provider}/{model}").maker,
                        capabilities=shelf.capabilities(model),
                    )
                    for model in shelf.models
                    if model not in shelf.embeddings
                ]
        return rows

    def listed_embeddings(self) -> list[Listed]:
        """The models that are known to embed; any other name at a provider with embeddings is passed on too."""
        return [
            Listed(
                f"{shelf.provider}/{model}",
                shelf.provider,
                "model",
                shelf.embedding_prices(model),
                shelf.context_tokens(model),
                maker=shelf.profile(f"{shelf.provider}/{model}").maker,
                capabilities=EMBEDDINGS,
            )
            for shelf in self.shelves.values()
            if shelf.listed and shelf.vectors is not None
            for model in shelf.embeddings
        ]

    def capabilities(self, name: str) -> Capabilities:
        """What the model of that name can do, as far as is known."""
        name = self._follow(name)
        provider, _, model = name.partition("/")
        shelf = self.shelves.get(provider)
        if name in self._fusions:
            return FUSION
        return UNKNOWN if shelf is None else shelf.capabilities(model)

    def vectors(self, name: str) -> VectorEndpoint:
        """The model of that name, for embeddings or reranking.

        Raises:
            UnknownModel: there is none.
            InvalidRequest: there is, and it does neither.
        """
        name = self._follow(name)
        provider, slash, model = name.partition("/")
        shelf = self.shelves.get(provider)
        if name in self._fusions or (shelf is not None and shelf.vectors is None):
            raise InvalidRequest(
                f"{name} answers chats only. Embeddings and reranking need a provider that has them, such as "
                "openai/text-embedding-3-small or a server on this machine.",
                param="model",
            )
        if shelf is None or not slash or not model or shelf.vectors is None:
            raise self._unknown(name)
        prices = shelf.embedding_prices(model)
        health = self._slugs.health(provider, model)
        asked = VectorModel(name, provider=provider, name=model, source=shelf.vectors, prices=prices, watch=health)
        return VectorEndpoint(asked, health, self._slugs.retries(shelf))

    # ------------------------------------------------------------ for fusions

    def profile(self, name: str) -> Profile:
        name = self._follow(name)
        shelf = self.shelves.get(name.partition("/")[0])
        if shelf is None or name in self._fusions:
            return Profile(name, name.partition("/")[0], strength=0.5)
        return shelf.profile(name)

    def facts(self, name: str) -> Facts:
        return self._scout.facts(name)

    def ready(self, name: str) -> bool:
        return self._scout.ready(name)

    def pace(self, name: str) -> Pace:
        return self._scout.pace(name)

    def reachable(self) -> list[list[str]]:
        """The shelves' own suggestions, vendors' before those of servers on this machine, embedded models last."""
        tiers: dict[int, list[str]] = {}
        for shelf in self.shelves.values():
            tiers.setdefault(shelf.tier, []).extend(f"{shelf.provider}/{model}" for model in shelf.panel)
        return [tiers[tier] for tier in sorted(tiers)]

    def automatic_panel(self) -> list[str]:
        """Who would be asked a short question in words."""
        return choose_panel(self).names

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        """At the dearest of those who may serve it; None as soon as one's price is unknown."""
        costs = [cost_nanodollars(usage, endpoint_prices(endpoint)) for endpoint in self.endpoints(name)]
        known = [cost for cost in costs if cost is not None]
        return max(known) if known and len(known) == len(costs) else None


def endpoint_prices(endpoint: Endpoint) -> Prices | None:
    upstream = _upstream(endpoint)
    return None if upstream is None else upstream.prices


def endpoint_name(endpoint: Endpoint) -> str:
    """What its provider calls the model."""
    upstream = _upstream(endpoint)
    return endpoint.model.id if upstream is None else upstream.name


def _upstream(endpoint: Endpoint) -> Upstream | None:
    model = endpoint.model.model if isinstance(endpoint.model, Limited) else endpoint.model
    return model if isinstance(model, Upstream) else None
