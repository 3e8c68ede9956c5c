"""A real PostgreSQL behind the same code: what differs from a file, and what must not show."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tritium.errors import StorageError
from tritium.storage import schema
from tritium.storage.database import Database

NOTES = "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)"
COLUMNS = ("id", "text")


@pytest.fixture
def database(postgresql_database: str) -> Iterator[Database]:
    with closing(Database.open(postgresql_database)) as database:
        with database.writing() as connection:
            connection.change(NOTES)
        yield database


def texts(database: Database) -> list[str]:
    with database.reading() as connection:
        return connection.values("SELECT text FROM notes ORDER BY id")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("form", ["{scheme}://{user}:hunter2@{rest}", "{scheme}://{user}@{rest}?password=hunter2"])
def test_an_address_is_shown_without_its_password_and_driver(postgresql_database, scheme, form):
    user, _, rest = postgresql_database.removeprefix("postgresql://").partition("@")
    with closing(Database.open(form.format(scheme=scheme, user=user, rest=rest))) as database:
        assert "hunter2" not in database.where
        assert database.where.startswith(f"postgresql://{user}")
        assert rest in database.where


def test_opening_again_changes_nothing(postgresql_database):
    for _ in range(2):
        Database.open(postgresql_database).close()
    with psycopg.connect(postgresql_database) as plain:
        assert plain.execute("SELECT version_num FROM tritium_version").fetchall() == [(schema.revisions()[-1],)]


def test_a_newer_versions_database_is_left_alone(postgresql_database):
    Database.open(postgresql_database).close()
    with psycopg.connect(postgresql_database) as plain:
        plain.execute("UPDATE tritium_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"newer version of Tritium \(its schema is '9999'"):
        Database.open(postgresql_database)


def test_a_migration_that_breaks_off_leaves_no_trace(postgresql_database):
    with psycopg.connect(postgresql_database) as plain:
        plain.execute("CREATE TABLE runs (in_the_way integer)")
    with pytest.raises(StorageError, match='relation "runs" already exists'):
        Database.open(postgresql_database)
    with psycopg.connect(postgresql_database) as plain:
        tables = plain.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("runs",)]


def test_a_server_that_is_not_there_is_named(free_port):
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:\d+/x' can't be used: .*refused.*Check that its server runs"):
        Database.open(f"postgresql://me:hunter2@127.0.0.1:{free_port}/x")


def test_a_database_that_is_not_there_is_named(postgresql):
    with pytest.raises(StorageError, match='database "nosuch" does not exist'):
        Database.open(f"{postgresql}/nosuch")


def test_a_transaction_that_fails_leaves_nothing(database):
    def write_and_fail() -> None:
        with database.writing() as connection:
            connection.insert_new("notes", COLUMNS, [(1, "half")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert texts(database) == []


def test_a_row_that_is_there_stays_as_it_is(database):
    for text in ("first", "second"):
        with database.writing() as connection:
            connection.insert_new("notes", COLUMNS, [(1, text), (2, "new")])
    assert texts(database) == ["first", "new"]


def test_what_the_data_is_to_blame_for_is_not_the_databases_fault(database):
    with pytest.raises(psycopg.IntegrityError), database.writing() as connection:
        connection.insert_new("notes", COLUMNS, [(1, None)])


def test_connections_that_the_server_cut_are_made_anew(database, postgresql_database):
    assert texts(database) == []
    with psycopg.connect(postgresql_database, autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert texts(database) == []


def test_threads_that_open_a_new_database_at_once_all_succeed(postgresql_database):
    def open_it(_: int) -> str:
        with closing(Database.open(postgresql_database)) as database:
            return database.where

    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(open_it, range(4)))) == 4


def test_without_the_driver_it_is_said_what_to_install(postgresql_database):
    hide = "import sys; sys.modules['psycopg'] = None\n"
    script = f"{hide}from tritium.storage.database import Database\nDatabase.open({postgresql_database!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "pip install 'tritium[postgres]'" in done.stderr
