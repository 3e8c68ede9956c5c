"""The schema's history is complete, quiet and applied once."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from tritium.errors import StorageError
from tritium.storage import migrations, schema
from tritium.storage.database import Database

FOLDER = Path(migrations.__file__).parent


def test_file_names_and_revisions_agree_and_form_one_line():
    script = ScriptDirectory(FOLDER, version_locations=[FOLDER])
    assert [each.revision for each in script.walk_revisions()] == schema.revisions()[::-1]
    assert script.get_heads() == [schema.revisions()[-1]]


def test_migrating_leaves_logging_as_it_was(tmp_path, capfd):
    root = logging.getLogger()
    before = root.level, list(root.handlers), logging.getLogger("alembic").disabled
    Database.open(tmp_path / "tritium.db").close()
    assert (root.level, list(root.handlers), logging.getLogger("alembic").disabled) == before
    assert capfd.readouterr() == ("", "")


def test_opening_again_changes_nothing(tmp_path):
    file = tmp_path / "tritium.db"
    states = []
    for _ in range(2):
        Database.open(file).close()
        with closing(sqlite3.connect(file)) as plain:
            states.append(plain.execute("PRAGMA schema_version").fetchone())
    assert states[0] == states[1]


def test_a_migration_that_breaks_off_leaves_no_trace(tmp_path):
    with closing(Database.open(tmp_path / "tritium.db")) as database:
        with database.writing() as connection:
            for table in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql("CREATE TABLE runs (in_the_way)")  # the first revision's second table
        with pytest.raises(StorageError, match="table runs already exists"), database.writing() as connection:
            schema.upgrade(connection, database.where)
        with database.reading() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        assert tables == ["runs"]
