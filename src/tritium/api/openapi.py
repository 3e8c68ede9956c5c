"""GET /openapi.json: the API described, for programs that read OpenAPI; made the first time somebody asks."""

from __future__ import annotations

from functools import cache

import msgspec

from tritium.api.visit import Visit


async def openapi(visit: Visit) -> None:
    """The same document at `/openapi.json` and under both prefixes."""
    await visit.json(_document())


@cache
def _document() -> bytes:
    """It says the same of every gateway of this version."""
    from tritium.api.description.document import openapi_document  # noqa: PLC0415 - nobody pays for it who doesn't ask

    return msgspec.json.encode(openapi_document())
