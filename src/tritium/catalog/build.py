"""The catalogue made from what is at hand: configuration, keys in the environment, servers found, models installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tritium.catalog.capabilities import EMBEDDED, LOCAL_SERVER, UNKNOWN, Capabilities, capabilities
from tritium.catalog.catalog import Catalog, Shelf
from tritium.catalog.makers import maker_of
from tritium.catalog.parameters import ignored_parameters
from tritium.catalog.price_book import UNLISTED, Listing, look_up
from tritium.catalog.price_update import NAME as NEWER_PRICES
from tritium.catalog.slugs import Policy, Slugs
from tritium.catalog.sources import vendor_sources
from tritium.config import Config, Price, Provider, Routing, price_decimal
from tritium.errors import ConfigError, InvalidRequest, suggestion
from tritium.fusion.commons import Commons
from tritium.fusion.options import FusionOptions, configured
from tritium.fusion.roster import Profile
from tritium.ledger.prices import FREE, Prices
from tritium.providers.local.faults import PROVIDER as LOCAL
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel
from tritium.providers.local.source import LocalSource
from tritium.providers.model_rules import dropped_for
from tritium.providers.recorded import PROVIDER as RECORDED
from tritium.providers.registry import Vendor
from tritium.providers.scripted import PROVIDER as SCRIPTED
from tritium.providers.scripted import ScriptedSource, parse_script, script_prices
from tritium.providers.scripted_vectors import ScriptedVectors
from tritium.providers.transport import Timeouts, Transport
from tritium.routing.health import Breaker
from tritium.routing.limit import Gate
from tritium.routing.preferences import parse_preferences
from tritium.routing.presets import MARK, Preset
from tritium.shared import Cooldowns

FUSIONS: dict[str, dict[str, Any]] = {
    "tritium/fusion": {},
    "tritium/fusion-economy": {"preset": "general-budget"},
    "tritium/fusion-quality": {"preset": "general-high"},
    "tritium/fusion-self": {"strategy": "self"},
}
ALIASES = {"openrouter/fusion": "tritium/fusion"}
FLASH = "openrouter/fusion-flash"
"""The same as `tritium/fusion`, whatever that was made, and in a hurry."""


def build_catalog(
    config: Config,
    environment: Mapping[str, str],
    rows: Mapping[str, Vendor],
    found: Mapping[str, Sequence[str]],
    transport: Transport,
    own: Sequence[Shelf] = (),
    cooldowns: Cooldowns | None = None,
    commons: Commons | None = None,
) -> Catalog:
    """Put it together. `own` are this machine's models; `cooldowns` are those of other replicas, where there are any.

    Raises:
        ConfigError: a model of the user's own has a wrong option, an unknown kind, or an alias that leads nowhere.
    """
    shelves = [
        _vendor_shelf(provider, row, config, environment, found.get(provider), transport)
        for provider, row in rows.items()
        if switched_on(provider, row, environment, found)
    ]
    shelves += own
    shelves.append(_scripted_shelf())
    fusions, aliases, routes = _own_models(config)
    providers = {*rows, LOCAL, RECORDED, SCRIPTED}
    _refuse_dead_ends(aliases, {*fusions, *aliases, *routes}, _authors(rows) | providers)
    _refuse_lost_endpoints(routes, _authors(rows) | providers)
    missing = {name: " and ".join((" or ".join(row.keys), *row.needs)) for name, row in rows.items() if row.keys}
    missing[RECORDED] = "recorded.path in the configuration"
    slugs = Slugs(
        {shelf.provider: shelf for shelf in shelves},
        routes,
        _policy(config.routing),
        frozenset(
            ("tritium", LOCAL, RECORDED, SCRIPTED, *(name for name, row in rows.items() if row.loopback or row.made_up))
        ),
        cooldowns,
    )
    return Catalog(shelves, fusions, aliases, missing, slugs, _presets(config), commons)


def _policy(routing: Routing) -> Policy:
    breaker = Breaker(routing.breaker_failures, routing.breaker_window_seconds, routing.cooldown_seconds)
    return Policy(breaker, routing.retries)


def _authors(rows: Mapping[str, Vendor]) -> set[str]:
    return {author for row in rows.values() for author in row.authors}


def _presets(config: Config) -> dict[str, Preset]:
    """The configuration's presets.

    Raises:
        ConfigError: one names another preset as its model, or its `provider` is wrong.
    """
    presets: dict[str, Preset] = {}
    for name, own in config.presets.items():
        if any(MARK in model for model in (own.model or "", *own.models)):
            raise ConfigError(f"presets.{name} names a preset as its model; name a model.")
        try:
            parse_preferences(own.provider, where=f"presets.{name}.provider")
        except InvalidRequest as error:
            raise ConfigError(error.message) from None
        presets[name] = Preset(
            own.model, tuple(own.models), own.system_prompt, own.provider, tuple(own.tools), own.parameters
        )
    return presets


def switched_on(provider: str, row: Vendor, environment: Mapping[str, str], found: Mapping[str, Sequence[str]]) -> bool:
    """A vendor by its key, a loopback server by answering, a provider of the user's own by being configured."""
    if row.loopback and not row.own:
        return provider in found
    if row.needs:
        return False
    if row.token_command or row.key(environment) is not None:
        return True
    return row.own and (row.loopback or row.free or not row.keys)


def _own_models(config: Config) -> tuple[dict[str, FusionOptions], dict[str, str], dict[str, list[str]]]:
    fusions: dict[str, FusionOptions] = {}
    routes: dict[str, list[str]] = {}
    aliases = dict(ALIASES)
    own = {name: dict(options) for name, options in config.models.items()}
    for name, options in own.items():
        kind = options.pop("kind", None)
        if kind == "alias":
            if set(options) != {"target"} or not isinstance(options["target"], str):
                raise ConfigError(f'models."{name}": an alias has one key, target = "some/model".')
            aliases[name] = options["target"]
        elif kind == "fusion":
            where = f'models."{name}"'
            fusions[name] = configured(config.fusion, options, where=where, error=ConfigError)
            aliases.pop(name, None)
        elif kind == "route":
            routes[name] = _endpoints(name, options)
            aliases.pop(name, None)
        else:
            raise ConfigError(f'models."{name}".kind is {kind!r}; it must be "fusion", "route" or "alias".')
    own_fusion = own["tritium/fusion"] if "tritium/fusion" in fusions else {}
    for name, options in {**FUSIONS, FLASH: {"preset": "general-fast", **own_fusion}}.items():
        if name not in fusions and name not in aliases and name not in routes:
            fusions[name] = configured(config.fusion, options, where="fusion", error=ConfigError)
    return fusions, aliases, routes


def _endpoints(name: str, options: Mapping[str, Any]) -> list[str]:
    names = options.get("endpoints")
    if set(options) != {"endpoints"} or not isinstance(names, list) or not names:
        raise ConfigError(f'models."{name}": a route has one key, endpoints = ["provider/model", ...].')
    if not all(isinstance(each, str) for each in names):
        raise ConfigError(f'models."{name}".endpoints holds something that is no name.')
    return names


def _refuse_lost_endpoints(routes: Mapping[str, Sequence[str]], providers: set[str]) -> None:
    """As with aliases: a provider may be off, but somebody must know it. Routes and fusions are no endpoints."""
    for route, names in routes.items():
        for name in names:
            if name in routes or name.partition("/")[0] not in providers:
                raise ConfigError(
                    f'models."{route}".endpoints: {name!r} is no model of a provider.'
                    f"{suggestion(name.partition('/')[0], providers)} Providers are {', '.join(sorted(providers))}."
                )


def _refuse_dead_ends(aliases: Mapping[str, str], names: set[str], providers: set[str]) -> None:
    """An alias of a provider without its key is fine, it may get one; of a provider that nobody knows it is a slip."""
    for alias, target in aliases.items():
        if target not in names and target.partition("/")[0] not in providers:
            hint = suggestion(target, names) or f" Providers are {', '.join(sorted(providers))}."
            raise ConfigError(f'models."{alias}".target {target!r} is no model here.{hint}')


def _vendor_shelf(
    provider: str,
    row: Vendor,
    config: Config,
    environment: Mapping[str, str],
    found: Sequence[str] | None,
    transport: Transport,
) -> Shelf:
    own = config.providers.get(provider, Provider())
    timeouts = Timeouts(row.connect_seconds, row.first_byte_seconds, row.between_bytes_seconds, own.total_seconds)
    sources = vendor_sources(provider, row, environment, transport, timeouts)
    served = tuple(found or ()) or row.models
    newer_prices = config.data_path / NEWER_PRICES

    def listing(model: str) -> Listing:
        return look_up(row.prices, model, newer_prices) if row.prices else UNLISTED

    def prices(model: str) -> Prices | None:
        own = config.prices.get(f"{provider}/{model}")
        if own is not None:
            return own_prices(own)
        if row.free or row.loopback:
            return FREE
        return listing(model).prices

    def known(model: str) -> Capabilities:
        found = capabilities(provider, model) or (LOCAL_SERVER if row.loopback else UNKNOWN)
        return found.without(dropped_for(model, row.quirks))

    def embedding_prices(model: str) -> Prices | None:
        return prices(model) or listing(model).embedding

    embeddings = row.embeddings or tuple(model for model in served if "embed" in model.casefold())
    panel = tuple(model for model in served or row.panel if model not in embeddings)
    return Shelf(
        provider=provider,
        source=sources.answers,
        models=served or row.panel,
        panel=panel,
        prices=prices,
        context_tokens=lambda model: listing(model).context_tokens or known(model).context_tokens,
        capabilities=known,
        vectors=sources.vectors,
        embeddings=embeddings,
        embedding_prices=embedding_prices,
        profile=lambda name: _profile(name, provider, panel, None if row.own else prices),
        tier=1 if row.loopback else 0,
        title=row.name,
        public=not (row.loopback or row.made_up or row.quirks.openrouter_fields),
        authors=row.authors,
        sells_on=row.quirks.openrouter_fields,
        remote=True,
        collects_data=False if row.loopback else _collects(own),
        retains_data=False if row.loopback else (None if own.zdr is None else not own.zdr),
        quantization=own.quantization,
        ignored=lambda model: ignored_parameters(
            row.format, dropped_for(model, row.quirks), capabilities(provider, model)
        ),
        gates=_gates(provider, own),
    )


def _collects(own: Provider) -> bool | None:
    return None if own.data_collection is None else own.data_collection == "allow"


def _gates(provider: str, own: Provider) -> Callable[[str], tuple[Gate, ...]]:
    """The lines before a provider and before its models, each made once."""
    single = {
        model: Gate(f"{provider}/{model}", capacity, own.queue_seconds)
        for model, capacity in own.model_concurrency.items()
    }
    whole = (Gate(provider, own.max_concurrency, own.queue_seconds),) if own.max_concurrency else ()
    return lambda model: (*((single[model],) if model in single else ()), *whole)


def own_prices(own: Price) -> Prices:
    """Prices as the configuration gives them."""
    read = None if own.cache_read is None else price_decimal(own.cache_read)
    write = None if own.cache_write is None else price_decimal(own.cache_write)
    return Prices(price_decimal(own.input), price_decimal(own.output), read, write)


def _profile(
    name: str, provider: str, panel: Sequence[str], prices: Callable[[str], Prices | None] | None = None
) -> Profile:
    """Strength by place on the provider's panel and by price: priors, until outcomes have been measured.

    Vendors' prices rank their models much as benchmarks do; across vendors they tell large models from small ones, and
    no more than that, so that a tier of price weighs three points.
    """
    model = name.partition("/")[2]
    place = panel.index(model) if model in panel else len(panel)
    known = prices(model) if prices is not None else None
    tier = 0 if known is None or not known.output else sum(known.output < usd for usd in _TIERS_USD)
    strength = round(1 - 0.01 * place - 0.03 * tier, 2)
    return Profile(name, maker_of(model, provider, of_many=provider in _SERVERS), strength=strength)


_TIERS_USD = (8, 3, 1, Decimal("0.3"))
"""Per million output tokens."""


_SERVERS = frozenset(("ollama", "llamacpp", "vllm", "lmstudio"))


def _scripted_shelf() -> Shelf:
    def profile(name: str) -> Profile:
        return Profile(name, maker=name, strength=0.5)

    return Shelf(
        provider=SCRIPTED,
        source=ScriptedSource(),
        models=(),
        panel=(),
        prices=script_prices,
        context_tokens=lambda model: parse_script(model).context,
        profile=profile,
        listed=False,
        collects_data=False,
        retains_data=False,
        vectors=ScriptedVectors(),
        embedding_prices=script_prices,
    )


def embedded_shelf(embedded: Sequence[InstalledModel], runtime: LlamaRuntime) -> Shelf:
    """The models on this machine's disk, strongest first: known to be free, and too small to judge."""
    models = {model.id: model for model in embedded}

    def profile(name: str) -> Profile:
        model = models.get(name.partition("/")[2])
        if model is None:  # not installed; whoever resolves the name will say so
            return Profile(name, LOCAL, strength=0.5, weak=True)
        return Profile(name, model.maker, strength=model.quality or 0.5, weak=True)

    ranked = sorted(models.values(), key=lambda model: -(model.quality or 0.5))
    return Shelf(
        provider=LOCAL,
        source=LocalSource(runtime, models),
        models=list(models),
        panel=[model.id for model in ranked],
        prices=lambda _: FREE,
        context_tokens=lambda model: models[model].context_length,
        profile=profile,
        open_ended=False,
        tier=2,
        collects_data=False,
        retains_data=False,
        capabilities=lambda _: EMBEDDED,
    )
