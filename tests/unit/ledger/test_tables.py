"""The migrations make exactly the tables their owners declare."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tritium.accounts import codes, key_table
from tritium.ledger import generations, reservations, runs
from tritium.storage.schema import VERSION_TABLE


def test_migrations_and_owners_agree(database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        owners = [generations, runs, reservations, key_table, codes]
        declared = [owner.METADATA if hasattr(owner, "METADATA") else owner.TABLE.metadata for owner in owners]
        assert compare_metadata(context, declared) == []
