"""What unit tests stand on: a recorder that remembers, and a catalogue whose models follow scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from tritium.catalog.build import build_catalog
from tritium.catalog.catalog import Catalog
from tritium.chat import Usage
from tritium.config import parse_config
from tritium.errors import UnknownModel
from tritium.fusion.roster import Facts, Pace, Profile
from tritium.ledger.prices import FREE, cost_nanodollars
from tritium.model import Call, Generation, new_call
from tritium.providers.http import HttpTransport
from tritium.providers.scripted import ScriptedSource
from tritium.providers.upstream import Upstream

# How long an example takes says more about the machine than about the code.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


class Kept:
    """A recorder in memory."""

    def __init__(self) -> None:
        self.rows: list[Generation] = []
        self.runs: list[tuple[str, float, str, bytes]] = []

    def generation(self, row: Generation) -> None:
        self.rows.append(row)

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        self.runs.append((run_id, created_at, model, document))

    @property
    def document(self) -> dict[str, Any]:
        """The one run that was saved."""
        ((_, _, _, document),) = self.runs
        return msgspec.json.decode(document)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="session")
def kept_of() -> type[Kept]:
    """For tests that need a new one for each example."""
    return Kept


@pytest.fixture
def call(kept: Kept) -> Call:
    """The call at the top of a request, written down in `kept`."""
    return new_call(kept, caller="tests")


@pytest.fixture
def catalog_of() -> Callable[..., Catalog]:
    """`catalog_of(name={"kind": "fusion", ...})`: those models and every script, no vendor."""

    def make(**models: dict[str, Any]) -> Catalog:
        return build_catalog(parse_config({"models": models}), {}, {}, {}, HttpTransport())

    return make


class Names:
    """A roster of what a test puts into it: by name a script or a source, how strong, how dear, whether weak."""

    def __init__(self, models: dict[str, Any], automatic: Sequence[str] = ()) -> None:
        self.models = models
        self.automatic = automatic

    def resolve(self, name: str) -> Upstream:
        if name not in self.models:
            raise UnknownModel(f"{name} is not a valid model ID.", param="model")
        entry = self._entry(name)
        return Upstream(
            name,
            provider="scripted",
            name=entry.get("script", "ok"),
            source=entry.get("source", ScriptedSource()),
            prices=entry.get("prices", FREE),
        )

    def profile(self, name: str) -> Profile:
        entry = self._entry(name)
        return Profile(name, entry.get("maker", name), entry.get("strength", 0.5), weak=entry.get("weak", False))

    def facts(self, name: str) -> Facts:
        return self._entry(name).get("facts", Facts())

    def ready(self, name: str) -> bool:
        return self._entry(name).get("ready", True)

    def pace(self, name: str) -> Pace:
        return self._entry(name).get("pace", Pace())

    def reachable(self) -> list[list[str]]:
        return [list(self.automatic)]

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        return cost_nanodollars(usage, self.resolve(name).prices)

    def _entry(self, name: str) -> dict[str, Any]:
        entry = self.models[name]
        return entry if isinstance(entry, dict) else {"script": entry}


@pytest.fixture(scope="session")
def names() -> type[Names]:
    return Names
