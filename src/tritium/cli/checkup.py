"""An examination of this installation: each check a name, what was found and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tritium import __version__
from tritium.catalog.build import build_catalog, embedded_shelf
from tritium.cli import figures
from tritium.config import Config, find_config, load_config
from tritium.errors import TritiumError
from tritium.providers.detect import detect_servers
from tritium.providers.http import HttpTransport
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel, installed
from tritium.providers.registry import Vendor, vendors
from tritium.storage.database import Database

_SMALLEST_DISK_BYTES = 3_000_000_000
"""What the embedded models take while they are installed, in round figures."""


class Check(Struct, frozen=True):
    """`missing` is nothing wrong by itself; `wrong` is."""

    section: str
    name: str
    state: Literal["ok", "missing", "wrong"]
    detail: str
    fix: str = ""


class Checkup(Struct, frozen=True):
    """`ok` when somebody can answer."""

    ok: bool
    verdict: str
    panel: list[str]
    """Whom `tritium/fusion` would ask now."""
    checks: list[Check]


async def examine(path: Path | None, environment: Mapping[str, str] = os.environ) -> Checkup:
    """Look at everything; what is broken is a finding, not an error."""
    checks = [*_machine()]
    try:
        found = find_config(path, environment)
        config = load_config(found)
        rows = vendors(config, environment)
    except TritiumError as error:
        checks.append(Check("configuration", "file", "wrong", error.message, "Correct the file."))
        return Checkup(False, "The configuration can't be used.", [], checks)
    detail = str(found) if found else "none; defaults are used"
    checks.append(Check("configuration", "file", "ok", detail))
    checks += [_folder(config), _database(config, environment)]
    embedded = _embedded(config, checks)
    servers = await _servers(config, rows, environment)
    checks += [*_keys(rows, environment), *_loopback(config, rows, servers)]
    panel = _panel(config, environment, rows, servers, embedded, checks)
    broken = [check for check in checks if check.state == "wrong"]
    return Checkup(bool(panel) and not broken, _verdict(panel, broken), panel, checks)


def _verdict(panel: Sequence[str], broken: Sequence[Check]) -> str:
    if broken:
        return f"Something must be put right first: {', '.join(check.name for check in broken)}."
    if panel:
        return f"Ready. tritium/fusion asks {', '.join(panel)}."
    return "Nobody can answer yet. Set a provider's key, start a local server, or run `tritium models install full`."


def _machine() -> Iterator[Check]:
    yield Check("installation", "tritium", "ok", __version__)
    yield Check("installation", "python", "ok", f"{platform.python_version()}, {platform.platform(terse=True)}")
    for package, purpose in (("uvloop", "a faster server"), ("xllamacpp", "embedded models")):
        try:
            yield Check("installation", package, "ok", version(package))
        except PackageNotFoundError:
            fix = "pip install 'tritium[local]'" if package == "xllamacpp" else ""
            yield Check("installation", package, "missing", f"not installed; only needed for {purpose}", fix)


def _folder(config: Config) -> Check:
    folder = config.data_path
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        fix = "Make it writable, or set TRITIUM_DATA_DIR."
        return Check("configuration", "data folder", "wrong", f"{folder} can't be written", fix)
    free = shutil.disk_usage(there).free
    note = "" if free > _SMALLEST_DISK_BYTES else ", little for embedded models"
    return Check("configuration", "data folder", "ok", f"{folder}, {figures.size(free)} free{note}")


def _database(config: Config, environment: Mapping[str, str]) -> Check:
    try:
        location = config.database_location(environment)
        if isinstance(location, Path) and not location.exists():
            return Check("configuration", "database", "ok", f"{location}, made at the first question")
        with closing(Database.open(location, busy_seconds=1)) as database:
            where = database.where
    except TritiumError as error:
        return Check("configuration", "database", "wrong", error.message, "Name another by `database` in the file.")
    size = f", {figures.size(location.stat().st_size)}" if isinstance(location, Path) else ""
    return Check("configuration", "database", "ok", f"{where}{size}")


def _embedded(config: Config, checks: list[Check]) -> list[InstalledModel]:
    """The embedded models that can be used."""
    section = "embedded models"
    if not config.local.enabled:
        checks.append(Check(section, "models", "missing", "switched off in the configuration"))
        return []
    try:
        found = installed(config.models_path)
    except TritiumError as error:
        checks.append(Check(section, "models", "wrong", error.message))
        return []
    checks += [Check(section, model.id, "ok", figures.size(model.size_bytes)) for model in found]
    if not found:
        fix = "The first question fetches them where nothing else can answer; or: tritium models install full"
        checks.append(Check(section, "models", "missing", "none installed", fix))
    elif find_spec("xllamacpp") is None:
        fix = "pip install 'tritium[local]'"
        checks.append(Check(section, "runtime", "missing", "llama.cpp is not installed; they can't be run", fix))
        return []
    return found


async def _servers(
    config: Config, rows: Mapping[str, Vendor], environment: Mapping[str, str]
) -> Mapping[str, Sequence[str]]:
    if not config.local.detect_servers:
        return {}
    transport = HttpTransport()
    try:
        return await detect_servers(rows, environment, transport)
    finally:
        await transport.close()


_BEST_KNOWN = frozenset(
    ("openai", "anthropic", "gemini", "openrouter", "deepseek", "mistral", "groq", "together", "xai")
)
"""Listed also when they are off; the many others share a line."""


def _keys(rows: Mapping[str, Vendor], environment: Mapping[str, str]) -> Iterator[Check]:
    others = []
    for provider, row in rows.items():
        if row.token_command and not row.needs:
            yield Check("providers", row.name, "ok", f"its token is asked of {row.token_command[0]}")
            continue
        if not row.keys or row.loopback:
            continue
        name = next((each for each in row.keys if environment.get(each)), None)
        if name is not None and not row.needs:
            yield Check("providers", row.name, "ok", f"{name} is set")
        elif name is not None:
            yield Check("providers", row.name, "missing", f"{name} is set, {' and '.join(row.needs)} is not")
        elif provider in _BEST_KNOWN or row.own:
            yield Check("providers", row.name, "missing", f"{' or '.join(row.keys)} is not set")
        else:
            others.append(provider)
    if others:
        yield Check("providers", f"{len(others)} more", "missing", f"each has a key of its own: {', '.join(others)}")


def _loopback(config: Config, rows: Mapping[str, Vendor], servers: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    section = "servers on this machine"
    if not config.local.detect_servers:
        yield Check(section, "all", "missing", "not looked for: local.detect_servers = false")
        return
    for provider, row in rows.items():
        if provider in servers:
            yield Check(section, row.name, "ok", f"{row.base_url}: {', '.join(servers[provider])}")
        elif row.loopback:
            yield Check(section, row.name, "missing", f"nothing answers at {row.base_url}")


def _panel(
    config: Config,
    environment: Mapping[str, str],
    rows: Mapping[str, Vendor],
    servers: Mapping[str, Sequence[str]],
    embedded: Sequence[InstalledModel],
    checks: list[Check],
) -> list[str]:
    """Whom a fusion would ask; the models of the user's own are checked on the way."""
    try:
        own = [embedded_shelf(embedded, LlamaRuntime())] if embedded else []
        catalog = build_catalog(config, environment, rows, servers, HttpTransport(), own)
    except TritiumError as error:
        checks.append(Check("configuration", "models", "wrong", error.message, "Correct the file."))
        return []
    return catalog.automatic_panel()
