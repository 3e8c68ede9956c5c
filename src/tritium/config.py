"""The configuration file as typed, closed values: one TOML file, unknown keys refused, secrets only by name.

Order: `--config FILE`, else `$TRITIUM_CONFIG`, else `tritium.toml` in the working directory, else defaults.
A key is never in the file: `key_env` names the environment variable that holds it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

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


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor or server: one that the registry doesn't know, or changes to one that it does."""

    format: Literal["openai", "anthropic", "gemini"] | None = None
    base_url: str | None = None
    key_env: str | None = None
    models: list[str] = field(default_factory=list)
    """What it serves, for `/models` and the automatic panel; any other name is passed on as it is."""
    headers: dict[str, str] = field(default_factory=dict)
    free: bool = False
    """Its models are known to cost nothing per token, as on your own machine."""
    enabled: bool = True
    connect_seconds: Positive = 10.0
    first_byte_seconds: Positive = 300.0
    between_bytes_seconds: Positive = 120.0


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


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data_dir: str | None = None
    """The database, the embedded models. By default the platform's user data folder, or `$TRITIUM_DATA_DIR`."""
    database: str | None = None
    """A file; by default `tritium.db` in `data_dir`."""
    server: Server = Server()
    local: Local = Local()
    fusion: dict[str, Any] = field(default_factory=dict)
    """Defaults of every fusion."""
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Models of your own by name: `kind = "fusion"` with a fusion's options, or `kind = "alias"` with `target`."""
    providers: dict[str, Provider] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    """By model id; wins over the catalogue."""

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).expanduser() if self.data_dir else default_data_path(os.environ)

    @property
    def database_path(self) -> Path:
        return Path(self.database).expanduser() if self.database else self.data_path / "tritium.db"

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
    for name, provider in config.providers.items():
        if provider.key_env is not None and not provider.key_env.replace("_", "").isalnum():
            raise ConfigError(
                f"{where}.providers.{name}.key_env must be the *name* of an environment variable, not the key itself."
            )
    return config


def price_decimal(value: float) -> Decimal:
    """A price as written: `0.15` and not its nearest binary fraction."""
    return Decimal(str(value))
