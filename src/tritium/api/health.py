"""GET /health: whether the gateway can do its work."""

from __future__ import annotations

from tritium import __version__
from tritium.api.visit import Visit


async def health(visit: Visit) -> None:
    await visit.json({"status": "ok", "version": __version__, **visit.services.health()})
