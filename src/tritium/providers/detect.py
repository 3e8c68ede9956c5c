"""Servers on this machine: a loopback port is asked for its models; whoever answers in OpenAI's shape is in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tritium.providers.registry import Vendor
from tritium.providers.transport import Timeouts, Transport, TransportError

PATIENCE = Timeouts(connect_seconds=0.5, first_byte_seconds=1.0, between_bytes_seconds=1.0)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


async def detect_servers(
    rows: Mapping[str, Vendor], environment: Mapping[str, str], transport: Transport
) -> dict[str, list[str]]:
    """The models of each loopback server that answers; nothing but this machine is ever asked."""
    asked = {name: row for name, row in rows.items() if row.loopback and urlsplit(row.base_url).hostname in _LOOPBACK}
    answers = await asyncio.gather(*(_models(row, environment, transport) for row in asked.values()))
    return {name: models for name, models in zip(asked, answers, strict=True) if models}


async def _models(row: Vendor, environment: Mapping[str, str], transport: Transport) -> list[str]:
    key = row.key(environment)
    headers = ((b"authorization", b"Bearer " + key.encode()),) if key else ()
    try:
        async with asyncio.timeout(2):
            reply = await transport.request("GET", f"{row.base_url}/models", headers, b"", PATIENCE)
            try:
                body = await reply.body(1_000_000)
            finally:
                reply.close()
        return [] if reply.status != 200 else [each.id for each in msgspec.json.decode(body, type=_Models).data]
    except (TransportError, TimeoutError, msgspec.MsgspecError, ValueError):
        return []
