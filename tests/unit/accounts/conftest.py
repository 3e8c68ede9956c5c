"""A database in a real file with a ledger's writer, and accounts on top of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tritium.accounts.accounts import Accounts
from tritium.config import parse_config
from tritium.ledger.writer import LedgerWriter
from tritium.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "tritium.db")) as database:
        yield database


@pytest.fixture
def accounts(tmp_path: Path, database: Database) -> Iterator[Callable[..., Accounts]]:
    """`accounts(guardrails={...})`: another process's worth of accounts over the same database."""
    with ExitStack() as stack:

        def make(**config: Any) -> Accounts:
            writer = LedgerWriter(database)
            opened = Accounts.open(parse_config({"data_dir": str(tmp_path), **config}), {}, database, writer)
            stack.callback(opened.admission.close)
            stack.callback(writer.close)
            return opened

        yield make
