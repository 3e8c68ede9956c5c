"""The configuration file as typed, closed values: one TOML file, unknown keys refused, secrets only by name.

Order: `--config FILE`, else `$TRITIUM_CONFIG`, else `tritium.toml` in the working directory, else defaults.
A key is never in the file: `key_env` names the environment variable that holds it, `database_env` the one with a
database's address.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from msgspec import Meta, Struct, field
from platformdirs import user_data_path

from tritium.closed import closed
from tritium.errors import ConfigError

Positive = Annotated[float, Meta(gt=0)]


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """Where `tritium serve` listens, and what it takes."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8484
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 20_000_000
    keepalive_seconds: Positive = 5.0
    """Between SSE comments while there is nothing to say."""
    response_cache_bytes: Annotated[int, Meta(ge=0)] = 64_000_000
    """For answers kept for requests that ask for it (`X-OpenRouter-Cache: true`); 0 keeps none."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes that share the port."""


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor or server: one that the registry doesn't know, or changes to one that it does."""

    format: Literal["openai", "anthropic", "gemini", "bedrock", "vertex"] | None = None
    base_url: str | None = None
    key_env: str | None = None
    """Of an AWS access key's id, if requests are to be signed: the secret is looked for beside it."""
    token_command: list[str] = field(default_factory=list)
    """A program and its arguments that print a token which expires, instead of a key."""
    token_seconds: Positive = 300.0
    """For which such a token is used, where the program doesn't say."""
    quirks: dict[str, Any] = field(default_factory=dict)
    """Where it departs from OpenAI's format, laid over what the registry says."""
    models: list[str] = field(default_factory=list)
    """What it serves, for `/models` and the automatic panel; any other name is passed on as it is."""
    headers: dict[str, str] = field(default_factory=dict)
    free: bool = False
    """Its models are known to cost nothing per token, as on your own machine."""
    enabled: bool = True
    connect_seconds: Positive = 10.0
    first_byte_seconds: Positive = 300.0
    between_bytes_seconds: Positive = 120.0
    total_seconds: Positive | None = None
    max_concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Requests it answers at once; the others wait in line."""
    model_concurrency: dict[str, Annotated[int, Meta(ge=1)]] = field(default_factory=dict)
    """The same for single models, by the provider's names for them."""
    queue_seconds: Positive = 30.0
    data_collection: Literal["allow", "deny"] | None = None
    """Whether it keeps what it is sent and may train on it, for requests that won't have that."""
    zdr: bool | None = None
    """Zero data retention: it keeps nothing."""
    quantization: str | None = None
    """Of its models' weights, as `fp8`."""


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens."""

    input: Annotated[float, Meta(ge=0)]
    output: Annotated[float, Meta(ge=0)]
    cache_read: Annotated[float, Meta(ge=0)] | None = None
    cache_write: Annotated[float, Meta(ge=0)] | None = None


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """The embedded models."""

    enabled: bool = True
    context_tokens: Annotated[int, Meta(ge=512)] = 4096
    threads: Annotated[int, Meta(ge=1)] = 1
    """Per model. More than one spins at barriers and collapses on a busy machine."""
    max_concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Models that may compute at once; by default as many as there are cores."""
    detect_servers: bool = True
    """Look for Ollama, llama.cpp, vLLM and LM Studio on this machine's loopback."""


class Recorded(Struct, frozen=True, forbid_unknown_fields=True):
    """Answers of models that were recorded once and are given again, as `recorded/NAME`."""

    path: str | None = None
    """The folder with the tables (docs/recorded-answers.md)."""
    speed: Annotated[float, Meta(ge=0)] = 0.0
    """So many times as fast as they were recorded; 0: at once."""


class Accounts(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may call a served gateway. Keys are made by `tritium keys create` or over `/keys`."""

    require_key: bool = False
    """Also while there are no keys; as soon as there is one, a key is required in any case."""
    management_key_env: str | None = None
    """The environment variable that holds the management key, which may make keys and can't ask models."""
    unknown_cost_usd: Positive = 0.05
    """What a call whose price is unknown counts against a limit or budget."""


Action = Literal["block", "redact"]


class Guardrails(Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for every caller, whatever its key allows. Names are patterns: `openai/*`."""

    budget_per_day_usd: Positive | None = None
    """Of everybody together, from midnight UTC."""
    allowed_models: list[str] | None = None
    """Names that callers may say."""
    ignored_models: list[str] = field(default_factory=list)
    """Models that are never asked, on a panel either."""
    allowed_providers: list[str] | None = None
    ignored_providers: list[str] = field(default_factory=list)
    input: dict[str, Action] = field(default_factory=dict)
    """What to do with text of these kinds in messages: email, phone, credit_card, iban, us_ssn, names of `patterns`."""
    output: dict[str, Action] = field(default_factory=dict)
    """The same for answers."""
    patterns: dict[str, str] = field(default_factory=dict)
    """Kinds of your own by name: regular expressions whose time is in proportion to the text."""


class Routing(Struct, frozen=True, forbid_unknown_fields=True):
    """What happens when a provider fails."""

    retries: Annotated[int, Meta(ge=0, le=5)] = 1
    """Second tries within one request, when nobody else is left to ask."""
    breaker_failures: Annotated[int, Meta(ge=1)] = 5
    """After so many within the window, and no fewer than successes, others are asked first."""
    breaker_window_seconds: Positive = 60.0
    cooldown_seconds: Positive = 30.0
    """Until one request tries it again; a `Retry-After` wins."""


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """A request's settings under a name; what the request says itself wins."""

    model: str | None = None
    models: list[str] = field(default_factory=list)
    """Asked in this order when one fails; after `model`, if that is given too."""
    system_prompt: str | None = None
    provider: dict[str, Any] = field(default_factory=dict)
    """The request's `provider` object."""
    tools: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    """Any other field of a chat request, as `temperature`."""


class Runs(Struct, frozen=True, forbid_unknown_fields=True):
    """Runs that go on though their client has left (`on_disconnect = "continue"`)."""

    detached: Annotated[int, Meta(ge=0)] = 100
    """At most so many at once, per process; the others are cancelled as without."""
    detached_seconds: Positive = 600.0
    """For which each may go on."""
    drain_seconds: Annotated[float, Meta(ge=0)] = 10.0
    """For which the gateway, when it is stopped, waits for them before it cuts them short."""


class Shadow(Struct, frozen=True, forbid_unknown_fields=True):
    """Some requests to a single model are also given to a fusion, in silence, to be compared later."""

    fusion: str | None = None
    """The fusion's name; without one nothing is shadowed."""
    share: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Of the requests, by chance."""
    models: list[str] = field(default_factory=lambda: ["*"])
    """Patterns of the names that callers say, as `openai/*`."""
    budget_per_day_usd: Positive = 1.0
    """From midnight UTC. It can be exceeded by the runs under way when it is spent."""
    max_concurrency: Annotated[int, Meta(ge=1)] = 2
    """Runs at once, per process; a request that would be one more is not shadowed."""


class SharedState(Struct, frozen=True, forbid_unknown_fields=True):
    """What several replicas of one gateway tell each other."""

    url_env: str | None = None
    """The environment variable that holds the address of a Valkey or Redis server; without it we keep to ourselves."""
    prefix: Annotated[str, Meta(min_length=1)] = "tritium"
    """Before every key on the server. Gateways with one prefix share."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data_dir: str | None = None
    """The database, the embedded models. By default the platform's user data folder, or `$TRITIUM_DATA_DIR`."""
    database: str | None = None
    """A file, by default `tritium.db` in `data_dir`, or `postgresql://USER@HOST/NAME`; never with a password."""
    database_env: str | None = None
    """The environment variable that holds the database's address, password and all; wins over `database`."""
    server: Server = Server()
    shared: SharedState = SharedState()
    runs: Runs = Runs()
    shadow: Shadow = Shadow()
    accounts: Accounts = Accounts()
    guardrails: Guardrails = Guardrails()
    local: Local = Local()
    recorded: Recorded = Recorded()
    fusion: dict[str, Any] = field(default_factory=dict)
    """Defaults of every fusion."""
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Models of your own by name: `kind = "fusion"` with a fusion's options, `kind = "alias"` with `target`, or
    `kind = "route"` with `endpoints`."""
    routing: Routing = Routing()
    presets: dict[str, Preset] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    """By model id; wins over the catalogue."""

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).expanduser() if self.data_dir else default_data_path(os.environ)

    def database_location(self, environment: Mapping[str, str] = os.environ) -> Path | str:
        """The database's file, or its address as a URL; that may hold a password, so it is shown to nobody.

        Raises:
            ConfigError: the variable that should hold the address is not set.
        """
        location = self.database
        if self.database_env is not None:
            location = environment.get(self.database_env)
            if not location:
                raise ConfigError(
                    f"The environment variable {self.database_env} is not set. `database_env` in the configuration "
                    "says that it holds the database's address, such as postgresql://USER:PASSWORD@HOST/NAME."
                )
        if location is None:
            return self.data_path / "tritium.db"
        return location if "://" in location else Path(location).expanduser()

    @property
    def models_path(self) -> Path:
        return self.data_path / "models"


def default_data_path(environment: Mapping[str, str]) -> Path:
    chosen = environment.get("TRITIUM_DATA_DIR")
    return Path(chosen).expanduser() if chosen else user_data_path("tritium", appauthor=False)


def find_config(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file to read, or None for defaults.

    Raises:
        ConfigError: a file that was named doesn't exist.
    """
    named = given or (Path(environment["TRITIUM_CONFIG"]) if environment.get("TRITIUM_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"The configuration file {str(named)!r} doesn't exist.")
        return named
    here = Path("tritium.toml")
    return here if here.is_file() else None


def load_config(path: Path | None) -> Config:
    """Read a file.

    Raises:
        ConfigError: it can't be read, isn't TOML, or has a key or value that means nothing here.
    """
    if path is None:
        return Config()
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"Can't read {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    return parse_config(data, where=str(path))


def parse_config(data: dict[str, Any], *, where: str = "config") -> Config:
    """The same from a mapping.

    Raises:
        ConfigError: see `load_config`.
    """
    for section, kind in (("providers", Provider), ("prices", Price)):
        named = data.get(section)
        for name, entry in named.items() if isinstance(named, dict) else ():
            if kind is Provider and isinstance(entry, dict) and {"api_key", "key"} & set(entry):
                raise ConfigError(
                    f"{where}.providers.{name} holds a key. Put it into an environment variable, and that variable's "
                    "name into key_env."
                )
            closed(kind, entry, where=f"{where}.{section}.{name}", error=ConfigError)  # so that messages say which one
    config = closed(Config, data, where=where, error=ConfigError)
    if config.database is not None and _holds_password(config.database):
        raise ConfigError(
            f"{where}.database holds a password, which must not stand in a file. Leave it out and set PGPASSWORD, or "
            'put the whole address into an environment variable and name that: database_env = "TRITIUM_DATABASE".'
        )
    if config.database_env is not None and not _names_variable(config.database_env):
        raise ConfigError(f"{where}.database_env must be the *name* of an environment variable, not the address.")
    management = config.accounts.management_key_env
    if management is not None and not _names_variable(management):
        raise ConfigError(
            f"{where}.accounts.management_key_env must be the *name* of an environment variable, not the key itself."
        )
    for name, provider in config.providers.items():
        if provider.key_env is not None and not _names_variable(provider.key_env):
            raise ConfigError(
                f"{where}.providers.{name}.key_env must be the *name* of an environment variable, not the key itself."
            )
    return config


def _names_variable(name: str) -> bool:
    return name.replace("_", "").isalnum()


def _holds_password(address: str) -> bool:
    """Whether a URL has one, in either of the places that PostgreSQL's drivers look at."""
    _, separator, rest = address.partition("://")
    rest, _, query = rest.partition("?")
    user, at, _ = rest.rpartition("@")
    return bool(separator) and ((bool(at) and ":" in user) or "password" in parse_qs(query, keep_blank_values=True))


def price_decimal(value: float) -> Decimal:
    """A price as written: `0.15` and not its nearest binary fraction."""
    return Decimal(str(value))
