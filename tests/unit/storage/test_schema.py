"""The schema's history is complete, quiet and applied once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tritium.errors import StorageError
from tritium.ledger.generations import Generations
from tritium.storage import migrations, schema
from tritium.storage.database import Database

FOLDER = Path(migrations.__file__).parent
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def test_changes_are_numbered_without_a_gap():
    assert schema.revisions() == [f"{number:04}" for number in range(1, len(schema.revisions()) + 1)]
    assert len(list(FOLDER.glob("r*.sql"))) == len(schema.revisions())


def test_opening_again_changes_nothing(tmp_path):
    file = tmp_path / "tritium.db"
    states = []
    for _ in range(2):
        Database.open(file).close()
        with closing(sqlite3.connect(file)) as plain:
            states.append(plain.execute("PRAGMA schema_version").fetchone())
    assert states[0] == states[1]


def test_rows_of_before_statuses_were_kept_stay_and_have_none(tmp_path):
    file = tmp_path / "tritium.db"
    with closing(sqlite3.connect(file)) as plain, plain:
        for name in ("r0001_ledger.sql", "r0002_accounts.sql"):
            plain.executescript((FOLDER / name).read_text("utf-8"))
        plain.execute("CREATE TABLE tritium_version (version_num TEXT)")
        plain.execute("INSERT INTO tritium_version VALUES ('0002')")
        plain.execute(
            "INSERT INTO generations (id, request_id, created_at, model, provider, role, caller, outcome, streamed, "
            "latency_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, "
            "estimated) VALUES ('gen-1', 'gen-1', 1.0, 'a/m', 'a', 'solo', 'local', 'ok', 0, 5.0, 1, 2, 0, 0, 0, 0)"
        )

    with closing(Database.open(file)) as database:
        row = Generations(database).get("gen-1")

    assert row is not None
    assert (row.model, row.usage.output, row.status) == ("a/m", 2, None)


def test_a_migration_that_breaks_off_leaves_no_trace(tmp_path):
    with closing(Database.open(tmp_path / "tritium.db")) as database:
        with database.writing() as connection:
            for table in connection.values(TABLES):
                connection.change(f"DROP TABLE {table}")
            connection.change("CREATE TABLE runs (in_the_way)")  # the first revision's second table
        with pytest.raises(StorageError, match="table runs already exists"), database.writing() as connection:
            schema.upgrade(connection, database.where)
        with database.reading() as connection:
            tables = connection.values(TABLES)
        assert tables == ["runs"]
