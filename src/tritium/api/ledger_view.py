"""The ledger as the API sees it: read-only, and never behind what was recorded before the call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from tritium.ledger.pulse import Pulse
from tritium.ledger.runs import ANY_RUN, RunFilter, RunSummary
from tritium.model import Generation


class Records(Protocol):
    """Reads of what was written down."""

    async def generations(self, request_id: str) -> list[Generation]: ...

    async def run(self, run_id: str) -> bytes | None: ...

    async def runs(self, limit: int, before: str | None, among: RunFilter = ANY_RUN) -> list[RunSummary]: ...

    async def pulses(self, models: Collection[str]) -> dict[tuple[str, str], Pulse]:
        """How the models' endpoints have been doing, by provider and model."""
        ...
