"""Brings a database's schema up to this version's, all changes in one transaction.

Alembic runs from here with neither an ini file nor an environment script, so an installed package migrates itself.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect

from tritium.errors import StorageError

VERSION_TABLE = "tritium_version"

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x7472697469756D
"""PostgreSQL's advisory lock under which we migrate: "tritium" in ASCII."""


def is_current(connection: Connection, where: str) -> bool:
    """Whether the schema is this version's.

    Raises:
        StorageError: it is a newer version's.
    """
    version, known = _version(connection), revisions()
    if version is not None and version not in known:
        raise StorageError(
            f"The database {where!r} was made by a newer version of Tritium (its schema is {version!r}, this version "
            f"knows up to {known[-1]!r}). Upgrade Tritium, or name another database."
        )
    return version == known[-1]


def upgrade(connection: Connection, where: str) -> None:
    """Apply what is missing, if nobody else has by now. The transaction must hold the right to write.

    Raises:
        StorageError: the schema is a newer version's.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    if not is_current(connection, where):
        _apply(connection)


def revisions() -> list[str]:
    """All that this version knows, oldest first."""
    return sorted(path.stem[1:5] for path in _MIGRATIONS.glob("r*.py"))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 our own constant
    version: str | None = connection.exec_driver_sql(query).scalar()
    return version


def _apply(connection: Connection) -> None:
    # Needed once per upgrade, and a third of a second to import.
    from alembic.operations import Operations  # noqa: PLC0415 see above
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 see above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 see above

    script = ScriptDirectory(_MIGRATIONS, version_locations=[_MIGRATIONS])
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "transactional_ddl": True})
    operations = Operations(context)
    for revision in reversed(list(script.iterate_revisions("head", context.get_current_revision() or "base"))):
        revision.module.upgrade(operations)
    context.stamp(script, "head")
