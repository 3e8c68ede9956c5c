"""Where everything is wired together, and the only place: a configuration in, a running gateway out.

Nothing here is global: two gateways in one process share nothing but the interpreter.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from tritium.accounts.accounts import Accounts
from tritium.accounts.key import matches
from tritium.api.application import Application
from tritium.api.kept_answers import LARGEST_SHARE, AnswerStore, MemoryStore
from tritium.api.shared_answers import SharedStore
from tritium.api.visit import Services
from tritium.catalog.build import build_catalog, embedded_shelf, switched_on
from tritium.catalog.catalog import Catalog, Shelf
from tritium.config import Config, Recorded
from tritium.errors import ConfigError, UnknownModel
from tritium.fusion.calibration import FILE as CALIBRATION
from tritium.fusion.calibration import Calibration
from tritium.fusion.commons import Commons
from tritium.fusion.fusion import Fusion
from tritium.fusion.live_runs import LiveRuns
from tritium.fusion.seat_answers import SeatAnswers
from tritium.fusion.shadows import SHADOW, ShadowRules, Shadows
from tritium.gateway import Gateway
from tritium.ledger.generations import Generations
from tritium.ledger.lengths import Lengths
from tritium.ledger.prices import NANODOLLARS
from tritium.ledger.pulse import Pulse, Pulses
from tritium.ledger.runs import ANY_RUN, RunFilter, Runs, RunSummary
from tritium.ledger.sums import Sums
from tritium.ledger.writer import LedgerWriter
from tritium.model import Generation
from tritium.providers.detect import detect_servers
from tritium.providers.http import HttpTransport
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel, installed
from tritium.providers.registry import Vendor, vendors
from tritium.shared import Shared
from tritium.shared.opening import shared_state
from tritium.storage.database import Database

Found = TypeVar("Found")

_UNDER_WAY = b'"outcome":"running"'
_OTHERS_SECONDS = 0.3
"""What another process has taken is written within a tenth of a second, unless its database is slow."""


@dataclass(frozen=True)
class Running:
    """A gateway that is up, and what it found when it came up."""

    config: Config
    gateway: Gateway
    catalog: Catalog
    ledger: LedgerWriter
    records: Ledger
    accounts: Accounts
    rows: Mapping[str, Vendor]
    """Every provider there could be."""
    on: Sequence[str]
    """Those that are switched on."""
    servers: Mapping[str, Sequence[str]]
    """Loopback servers that answered, with their models."""
    embedded: Sequence[InstalledModel]
    runtime: LlamaRuntime | None
    shared: Shared

    def application(self) -> Application:
        settings = self.config.server
        answers: AnswerStore = MemoryStore(settings.response_cache_bytes)
        if self.shared.health().replicated:
            answers = SharedStore(self.shared.cache, settings.response_cache_bytes // LARGEST_SHARE)
        return Application(Services(self.gateway, self.records, self.accounts, settings, self.health, answers))

    def health(self) -> dict[str, Any]:
        return {"providers": list(self.on), "ledger": self.ledger.health(), "shared": self.shared.health()}


class Ledger:
    """Reading what was written, the writer's queue included: whoever asks right after an answer finds it."""

    def __init__(self, database: Database, writer: LedgerWriter, *, others: bool = False) -> None:
        """`others`: more processes write, so that a row may be on its way in one of them."""
        self._writer = writer
        self._others = others
        self._generations = Generations(database)
        self._runs = Runs(database)
        self._pulses = Pulses(database)

    async def generations(self, request_id: str) -> list[Generation]:
        return await self._found(self._generations.named, request_id) or []

    async def run(self, run_id: str) -> bytes | None:
        found = await self._found(self._runs.get, run_id)
        if found is not None and self._others and _UNDER_WAY in found.document:  # perhaps it has just ended elsewhere
            await asyncio.sleep(_OTHERS_SECONDS)
            found = await asyncio.to_thread(self._runs.get, run_id)
        return None if found is None else found.document

    async def _found(self, read: Callable[[str], Found], name: str) -> Found:
        await self._writer.aflush()
        found = await asyncio.to_thread(read, name)
        if not found and self._others:
            await asyncio.sleep(_OTHERS_SECONDS)
            found = await asyncio.to_thread(read, name)
        return found

    async def find_run(self, prefix: str) -> str:
        """The id that begins so.

        Raises:
            NotFound, InvalidRequest: none does, or several.
        """
        await self._writer.aflush()
        return await asyncio.to_thread(self._runs.find, prefix)

    async def runs(self, limit: int, before: str | None, among: RunFilter = ANY_RUN) -> list[RunSummary]:
        """The newest."""
        await self._writer.aflush()
        return await asyncio.to_thread(self._runs.recent, limit, before, among)

    async def pulses(self, models: Collection[str]) -> dict[tuple[str, str], Pulse]:
        """How the models' endpoints have been doing, by provider and model."""
        await self._writer.aflush()
        return await asyncio.to_thread(self._pulses.of, models, time.time())


@asynccontextmanager
async def running(config: Config, environment: Mapping[str, str] = os.environ) -> AsyncIterator[Running]:
    """Open everything, and close it again in reverse order, the ledger last: it has still to hear what was cut short.

    Raises:
        ConfigError, StorageError: it can't run like this; the message says what to do.
    """
    rows = vendors(config, environment)
    database = Database.open(config.database_location(environment))
    ledger = LedgerWriter(database)
    transport = HttpTransport()
    embedded = _embedded(config)
    runtime = _runtime(config, embedded)
    accounts: Accounts | None = None
    stack, at_work = AsyncExitStack(), AsyncExitStack()
    try:
        shared = await stack.enter_async_context(shared_state(config.shared, environment))
        cooldowns = shared.cooldowns if shared.health().replicated else None
        accounts = Accounts.open(config, environment, database, ledger, shared)
        ledger.owner = accounts.admission.owner
        commons = _commons(config, ledger, accounts, shared, database)
        at_work.push_async_callback(commons.live.close, config.runs.drain_seconds)
        servers = await detect_servers(rows, environment, transport) if config.local.detect_servers else {}
        own = [] if runtime is None else [embedded_shelf(embedded, runtime)]
        own += _recorded(config.recorded)
        catalog = build_catalog(config, environment, rows, servers, transport, own, cooldowns, commons)
        shadows = _shadows(config, catalog, database, ledger)
        if shadows is not None:
            at_work.push_async_callback(shadows.close)
        yield Running(
            config=config,
            gateway=Gateway(catalog, ledger, accounts.admission, shadows),
            catalog=catalog,
            ledger=ledger,
            records=Ledger(database, ledger, others=not database.embedded or config.server.workers > 1),
            accounts=accounts,
            rows=rows,
            on=[name for name, row in rows.items() if switched_on(name, row, environment, servers)],
            servers=servers,
            embedded=embedded,
            runtime=runtime,
            shared=shared,
        )
    finally:
        await at_work.aclose()
        await transport.close()
        if runtime is not None:
            await runtime.close()
        await stack.aclose()
        try:
            ledger.close()
        finally:
            if accounts is not None:
                accounts.admission.close()
            database.close()


def _commons(config: Config, ledger: LedgerWriter, accounts: Accounts, shared: Shared, database: Database) -> Commons:
    screen = accounts.admission.guardrails.output
    live = LiveRuns(
        most_detached=config.runs.detached,
        detached_seconds=config.runs.detached_seconds,
        journal=ledger.run_begun,
    )

    async def lengths(models: Collection[str]) -> dict[str, int]:
        await ledger.aflush()
        return await asyncio.to_thread(Lengths(database).of, models)

    calibration = Calibration.read(config.data_path / CALIBRATION)
    return Commons(live, SeatAnswers(shared.cache, screen.marked if screen else None), lengths, calibration)


def _shadows(config: Config, catalog: Catalog, database: Database, ledger: LedgerWriter) -> Shadows | None:
    """What is configured of them.

    Raises:
        ConfigError: the fusion is none.
    """
    settings = config.shadow
    if settings.fusion is None:
        return None
    try:
        fusion = catalog.resolve(settings.fusion)
    except UnknownModel as error:
        raise ConfigError(f"shadow.fusion: {error.message}") from None
    if not isinstance(fusion, Fusion):
        raise ConfigError(f"shadow.fusion: {settings.fusion!r} is no fusion.")
    rules = ShadowRules(
        share=settings.share,
        covers=lambda name: matches(name, settings.models),
        budget_nanodollars=round(settings.budget_per_day_usd * NANODOLLARS),
        unknown_nanodollars=round(config.accounts.unknown_cost_usd * NANODOLLARS),
        max_concurrency=settings.max_concurrency,
    )
    sums = Sums(database)

    async def spent(since: float) -> int:
        await ledger.aflush()
        return await asyncio.to_thread(sums.counted, SHADOW, since)

    return Shadows(fusion, rules, spent)


def _recorded(settings: Recorded) -> list[Shelf]:
    if settings.path is None:
        return []
    from tritium.catalog.recorded_shelf import recorded_shelf  # noqa: PLC0415 - most never need it

    return [recorded_shelf(Path(settings.path).expanduser(), settings)]


def _embedded(config: Config) -> list[InstalledModel]:
    if not config.local.enabled:
        return []
    context = config.local.context_tokens
    return [replace(model, context_length=context) for model in installed(config.models_path)]


def _runtime(config: Config, embedded: Sequence[InstalledModel]) -> LlamaRuntime | None:
    if not embedded:
        return None
    settings = config.local
    return LlamaRuntime(threads=settings.threads, max_concurrency=settings.max_concurrency)
