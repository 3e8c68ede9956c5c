"""A database in a real file or on a real server, and rows to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tritium.chat import Usage
from tritium.model import Generation
from tritium.storage.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Both kinds: what holds for one holds for the other."""
    kept: Database = request.getfixturevalue(f"{request.param}_ledger")
    return kept


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "tritium.db", busy_seconds=0.05)) as database:
        yield database


@pytest.fixture
def postgresql_ledger(postgresql_database: str) -> Iterator[Database]:
    with closing(Database.open(f"{postgresql_database}?options=-c%20lock_timeout%3D50ms")) as database:
        yield database


@pytest.fixture
def generation() -> Callable[..., Generation]:
    """Make a row: `generation("gen-1", model="a/b")`."""

    def make(generation_id: str, **changes: Any) -> Generation:
        fields: dict[str, Any] = {
            "request_id": generation_id,
            "model": "maker/model",
            "provider": "vendor",
            "role": "solo",
            "created_at": 1_700_000_000.0,
            "usage": Usage(input=10, output=20),
            "cost_nanodollars": 30,
            "outcome": "ok",
            "finish_reason": "stop",
            "streamed": False,
            "first_token_ms": None,
            "latency_ms": 1.5,
            **changes,
        }
        return Generation(generation_id, **fields)

    return make
