"""The migrations make exactly the tables their owners declare."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tritium.ledger import generations, runs
from tritium.storage.schema import VERSION_TABLE


def test_migrations_and_owners_agree(database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        declared = [generations.TABLE.metadata, runs.TABLE.metadata]
        assert compare_metadata(context, declared) == []
