"""The catalogue made from what is at hand: configuration, keys in the environment, servers found, models installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tritium.catalog.catalog import Catalog, Shelf
from tritium.catalog.price_book import UNLISTED, Listing, look_up
from tritium.config import Config, Price, price_decimal
from tritium.errors import ConfigError, suggestion
from tritium.fusion.options import FusionOptions, configured
from tritium.fusion.roster import Profile
from tritium.ledger.prices import FREE, Prices
from tritium.providers.anthropic import AnthropicFormat
from tritium.providers.gemini import GeminiFormat
from tritium.providers.local.faults import PROVIDER as LOCAL
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel
from tritium.providers.local.source import LocalSource
from tritium.providers.openai import OpenAIFormat
from tritium.providers.registry import Vendor
from tritium.providers.scripted import PROVIDER as SCRIPTED
from tritium.providers.scripted import ScriptedSource, script_prices
from tritium.providers.source import HttpSource
from tritium.providers.transport import Timeouts, Transport
from tritium.providers.wire import WireFormat

FUSIONS: dict[str, dict[str, Any]] = {
    "tritium/fusion": {},
    "tritium/fusion-self": {"strategy": "self"},
}
ALIASES = {"openrouter/fusion": "tritium/fusion", "openrouter/fusion-flash": "tritium/fusion"}


def build_catalog(
    config: Config,
    environment: Mapping[str, str],
    rows: Mapping[str, Vendor],
    found: Mapping[str, Sequence[str]],
    transport: Transport,
    embedded: Shelf | None,
) -> Catalog:
    """Put it together.

    Raises:
        ConfigError: a model of the user's own has a wrong option, an unknown kind, or an alias that leads nowhere.
    """
    shelves = [
        _vendor_shelf(provider, row, config, environment, found.get(provider), transport)
        for provider, row in rows.items()
        if switched_on(provider, row, environment, found)
    ]
    if embedded is not None:
        shelves.append(embedded)
    shelves.append(_scripted_shelf())
    fusions, aliases = _own_models(config)
    _refuse_dead_ends(aliases, {*fusions, *aliases}, {*rows, LOCAL, SCRIPTED})
    missing = {name: " or ".join(row.keys) for name, row in rows.items() if row.keys}
    return Catalog(shelves, fusions, aliases, missing)


def switched_on(provider: str, row: Vendor, environment: Mapping[str, str], found: Mapping[str, Sequence[str]]) -> bool:
    """A vendor by its key, a loopback server by answering, a provider of the user's own by being configured."""
    if row.loopback and not row.own:
        return provider in found
    if row.key(environment) is not None:
        return True
    return row.own and (row.loopback or row.free or not row.keys)


def _own_models(config: Config) -> tuple[dict[str, FusionOptions], dict[str, str]]:
    fusions: dict[str, FusionOptions] = {}
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
            fusions[name] = configured({**config.fusion, **options}, where=where, error=ConfigError)
            aliases.pop(name, None)
        else:
            raise ConfigError(f'models."{name}".kind is {kind!r}; it must be "fusion" or "alias".')
    for name, options in FUSIONS.items():
        if name not in fusions and name not in aliases:
            fusions[name] = configured({**config.fusion, **options}, where="fusion", error=ConfigError)
    return fusions, aliases


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
    source = HttpSource(
        provider,
        base_url=row.base_url,
        key=row.key(environment),
        wire=_wire(row),
        transport=transport,
        timeouts=Timeouts(row.connect_seconds, row.first_byte_seconds, row.between_bytes_seconds),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in row.headers.items()),
    )
    served = tuple(found or ()) or row.models

    def listing(model: str) -> Listing:
        return look_up(row.prices, model) if row.prices else UNLISTED

    def prices(model: str) -> Prices | None:
        own = config.prices.get(f"{provider}/{model}")
        if own is not None:
            return own_prices(own)
        if row.free or row.loopback:
            return FREE
        return listing(model).prices

    panel = served or row.panel
    return Shelf(
        provider=provider,
        source=source,
        models=served or row.panel,
        panel=panel,
        prices=prices,
        context_tokens=lambda model: listing(model).context_tokens,
        profile=lambda name: _profile(name, provider, panel),
        tier=1 if row.loopback else 0,
    )


def own_prices(own: Price) -> Prices:
    """Prices as the configuration gives them."""
    read = None if own.cache_read is None else price_decimal(own.cache_read)
    write = None if own.cache_write is None else price_decimal(own.cache_write)
    return Prices(price_decimal(own.input), price_decimal(own.output), read, write)


def _wire(row: Vendor) -> WireFormat:
    if row.format == "anthropic":
        return AnthropicFormat()
    if row.format == "gemini":
        return GeminiFormat()
    return OpenAIFormat(row.quirks)


def _profile(name: str, provider: str, panel: Sequence[str]) -> Profile:
    """Strength by place on the provider's panel: a prior, until outcomes have been measured."""
    model = name.partition("/")[2]
    place = panel.index(model) if model in panel else len(panel)
    maker = model.partition("/")[0].lstrip("~") if "/" in model else _maker(provider, model)
    return Profile(name, maker, strength=1 - 0.01 * place)


def _maker(provider: str, model: str) -> str:
    """On servers that host many makers' models the family is in the name's first letters."""
    if provider not in ("ollama", "llamacpp", "vllm", "lmstudio"):
        return provider
    letters = "".join(letter if letter.isalpha() else " " for letter in model).split()
    return letters[0].casefold() if letters else provider


def _scripted_shelf() -> Shelf:
    def profile(name: str) -> Profile:
        return Profile(name, maker=name, strength=0.5)

    return Shelf(
        provider=SCRIPTED,
        source=ScriptedSource(),
        models=(),
        panel=(),
        prices=script_prices,
        context_tokens=lambda _: None,
        profile=profile,
        listed=False,
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
    )
