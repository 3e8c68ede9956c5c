"""Which vendors and servers there are: the rows of `registry.toml`, the user's own added or laid over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from tritium.closed import closed
from tritium.config import Config, Provider
from tritium.errors import ConfigError
from tritium.providers.keys import read_keys
from tritium.providers.transport import Target
from tritium.providers.wire import Quirks


class Vendor(Struct, frozen=True, forbid_unknown_fields=True):
    """A row: how a vendor or server is reached and in which dialect."""

    name: str
    base_url: str
    """May hold `${NAME}`, filled in from the environment."""
    base_urls: dict[str, str] = field(default_factory=dict)
    """Other addresses, by the value of the first variable in `base_url`."""
    format: Literal["openai", "anthropic", "gemini", "bedrock", "vertex"] = "openai"
    keys: tuple[str, ...] = ()
    """Environment variables that may hold the key, in order."""
    base_url_env: str | None = None
    """An environment variable that moves the base URL, as the vendor's own tools read it."""
    prices: str | None = None
    """The vendor's id in the price catalogue."""
    panel: tuple[str, ...] = ()
    quirks: Quirks = Quirks()
    quirks_of: str | None = None
    """The row whose quirks it has, since it serves the same models by the same API."""
    embeddings: tuple[str, ...] = ()
    """Models that embed, for `/embeddings/models`; any other name is passed on too."""
    embeddings_url: str | None = None
    """Where it embeds, if that isn't `/embeddings` under its base URL."""
    rerank_url: str | None = None
    """Where it reranks, if that isn't `/rerank` under its base URL."""
    loopback: bool = False
    """A server on this machine: no key needed, found by asking."""
    models: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    token_command: tuple[str, ...] = ()
    """Prints a token that expires, instead of a key."""
    token_seconds: float = 300.0
    free: bool = False
    connect_seconds: float = 10.0
    first_byte_seconds: float = 300.0
    between_bytes_seconds: float = 120.0
    own: bool = False
    """Named in the user's configuration."""
    made_up: bool = False
    """Of the user's own invention: the registry doesn't have it."""
    authors: tuple[str, ...] = ()
    """What OpenRouter calls the maker of its models, where that isn't the row's own name."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Environment variables that its address still lacks."""
        return tuple(dict.fromkeys(_PLACE.findall(self.base_url)))

    def key(self, environment: Mapping[str, str]) -> str | None:
        """The key's value, the first where there are several: see `read_keys`."""
        return next(iter(read_keys(self.keys, environment)), None)


def vendors(config: Config, environment: Mapping[str, str]) -> dict[str, Vendor]:
    """All rows by provider id; those disabled in the configuration are left out.

    Raises:
        ConfigError: a provider of the user's own has no `base_url`, or not an http(s) one; or `OLLAMA_HOST` is none.
    """
    text = files("tritium.providers").joinpath("registry.toml").read_text("utf-8")
    rows = closed(dict[str, Vendor], tomllib.loads(text), where="registry.toml", error=ConfigError)
    rows = {name: _moved(_filled_in(_with_quirks(row, rows), environment), environment) for name, row in rows.items()}
    for name, own in config.providers.items():
        if not own.enabled:
            rows.pop(name, None)
            continue
        rows[name] = _laid_over(name, own, rows.get(name))
    return rows


def _with_quirks(row: Vendor, rows: Mapping[str, Vendor]) -> Vendor:
    return replace(row, quirks=rows[row.quirks_of].quirks) if row.quirks_of is not None else row


_PLACE = re.compile(r"\$\{(\w+)\}")


def _filled_in(row: Vendor, environment: Mapping[str, str]) -> Vendor:
    """An account, a region or a host put into the row's address, where the environment has it.

    Raises:
        ConfigError: the address is none then.
    """
    names = row.needs
    after = row.base_url.rpartition("}")[2]  # some write it into the variable already
    values = {name: environment.get(name, "").strip().rstrip("/").removesuffix(after) for name in names}
    if not names or not all(values.values()):
        return row
    base_url = row.base_urls.get(values[names[0]], row.base_url)
    base_url = _PLACE.sub(lambda place: values[place.group(1)], base_url)
    try:
        Target.parse(base_url := base_url if "//" in base_url else f"https://{base_url}")
    except ValueError as error:
        raise ConfigError(f"{' or '.join(names)} makes no address for {row.name}: {error}.") from None
    return replace(row, base_url=base_url)


def _laid_over(name: str, own: Provider, row: Vendor | None) -> Vendor:
    if row is None:
        if own.base_url is None:
            raise ConfigError(f"providers.{name} needs a base_url: it is not in the registry.")
        row = Vendor(name=name, base_url=own.base_url, format=own.format or "openai", made_up=True)
    base_url = (own.base_url or row.base_url).rstrip("/")
    try:
        if own.base_url is not None:
            Target.parse(base_url)
    except ValueError as error:
        raise ConfigError(f"providers.{name}.base_url is no http(s) address: {error}.") from None
    return replace(
        row,
        base_url=base_url,
        format=own.format or row.format,
        keys=(own.key_env,) if own.key_env else row.keys,
        models=tuple(own.models) or row.models,
        headers=own.headers or row.headers,
        quirks=_quirks(name, own, row.quirks),
        token_command=tuple(own.token_command),
        token_seconds=own.token_seconds,
        free=own.free or row.free,
        connect_seconds=own.connect_seconds,
        first_byte_seconds=own.first_byte_seconds,
        between_bytes_seconds=own.between_bytes_seconds,
        own=True,
    )


def _quirks(name: str, own: Provider, known: Quirks) -> Quirks:
    if not own.quirks:
        return known
    given = closed(Quirks, own.quirks, where=f"providers.{name}.quirks", error=ConfigError)
    return replace(known, **{quirk: getattr(given, quirk) for quirk in own.quirks})


def _moved(row: Vendor, environment: Mapping[str, str]) -> Vendor:
    """Ollama's own variable is a host or a URL, with or without a scheme and a port (envconfig.Host in its source).

    Raises:
        ConfigError: it is neither.
    """
    given = environment.get(row.base_url_env or "", "").strip()
    if not given:
        return row
    plain = "//" not in given
    try:
        parts = urlsplit(f"http://{_bracketed(given)}" if plain else given)
        host = "127.0.0.1" if parts.hostname in (None, "0.0.0.0", "::") else parts.hostname  # noqa: S104 - to listen on
        port = parts.port or (urlsplit(row.base_url).port if plain else {"http": 80, "https": 443}.get(parts.scheme))
        target = Target.parse(f"{parts.scheme}://{_bracketed(host)}:{port}/v1")
    except ValueError as error:
        raise ConfigError(f"{row.base_url_env} is no address of a server: {error}.") from None
    return replace(row, base_url=target.origin + target.path)


def _bracketed(host: str) -> str:
    """An IPv6 address as URLs write it."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
