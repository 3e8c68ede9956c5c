"""Real files, real locks, real processes: what a database does when it is opened, shared, full, locked or not one."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tritium.errors import StorageError
from tritium.storage.database import Database
from tritium.storage.pool import Pool
from tritium.storage.sqlite import SqliteFile

NOTES = "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)"
COLUMNS = ("id", "text")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "tritium.db")) as database:
        with database.writing() as connection:
            connection.change(NOTES)
        yield database


def texts(database: Database) -> list[str]:
    with database.reading() as connection:
        return connection.values("SELECT text FROM notes ORDER BY id")


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize("form", [str, Path, "sqlite:///{}".format])
def test_opens_a_path_and_a_url_alike(tmp_path, form):
    file = tmp_path / "tritium.db"
    with closing(Database.open(form(file))) as database:
        assert database.where == str(file)
    assert file.read_bytes().startswith(b"SQLite format 3\0")


def test_a_missing_folder_is_made(tmp_path):
    Database.open(tmp_path / "a" / "b" / "tritium.db").close()
    assert (tmp_path / "a" / "b" / "tritium.db").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="no permission bits")
def test_only_the_owner_can_read_a_new_file(tmp_path):
    Database.open(tmp_path / "tritium.db").close()
    assert stat.S_IMODE((tmp_path / "tritium.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 5000)]
)
def test_each_connection_is_set_up(database, pragma, value):
    with database.reading() as one, database.reading() as another:
        assert [each.value(f"PRAGMA {pragma}") for each in (one, another)] == [value, value]


def test_two_databases_in_one_process_are_strangers(tmp_path):
    with closing(Database.open(tmp_path / "a.db")) as a, closing(Database.open(tmp_path / "b.db")) as b:
        with a.writing() as connection:
            connection.change(NOTES)
        with pytest.raises(StorageError, match="no such table"):
            texts(b)


# ---------------------------------------------------------------- what can't be opened


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(StorageError, match=r"is a folder\. Name a file, such as .*tritium\.db"):
        Database.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"can't be created: .*Name a file in a folder that may be written to"):
        Database.open(tmp_path / "file" / "folder" / "tritium.db")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that refuses even root")
def test_a_folder_that_takes_no_files_is_named():
    with pytest.raises(StorageError, match=r"'/proc/self/tritium\.db' can't be created"):
        Database.open("/proc/self/tritium.db")


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear all, " * 1000)
    with pytest.raises(StorageError, match="is not an SQLite file"):
        Database.open(file)
    assert file.read_text() == "Dear all, " * 1000


def test_another_programs_database_is_left_alone(tmp_path):
    file = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    before = file.read_bytes()
    with pytest.raises(StorageError, match=r"another program's SQLite database \(its tables: bookmarks\)"):
        Database.open(file)
    assert file.read_bytes() == before


def test_a_newer_versions_database_is_left_alone(tmp_path):
    file = tmp_path / "tritium.db"
    Database.open(file).close()
    with closing(sqlite3.connect(file)) as other:
        other.execute("UPDATE tritium_version SET version_num = '9999'")
        other.commit()
    with pytest.raises(StorageError, match=r"newer version of Tritium \(its schema is '9999'.*Upgrade Tritium"):
        Database.open(file)


def test_a_damaged_file_is_said_to_be_damaged(tmp_path):
    file = tmp_path / "tritium.db"
    Database.open(file).close()
    with file.open("r+b") as damaged:
        damaged.seek(100)  # the schema's first page, past the file's header
        damaged.write(b"\xff" * 3000)
    with pytest.raises(StorageError, match=r"is damaged: .*Restore a copy"):
        Database.open(file)


def test_a_locked_file_is_said_to_be_locked(tmp_path):
    file = tmp_path / "tritium.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked by another process"):
            Database.open(file, busy_seconds=0.05)


@pytest.mark.parametrize("location", [":memory:", "sqlite://", "sqlite:///:memory:"])
def test_memory_is_no_place_for_a_database(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="in memory can't be shared"):
        Database.open(location)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("location", ["postgresql://me:hunter2@host:port/x", "nosuch+driver://me:hunter2@host/x"])
def test_a_useless_address_is_refused_without_its_password(location):
    with pytest.raises(StorageError) as caught:
        Database.open(location)
    assert "hunter2" not in str(caught.value)
    assert "PostgreSQL" in str(caught.value) or "postgresql" in str(caught.value)


# ---------------------------------------------------------------- transactions


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
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.insert_new("notes", COLUMNS, [(1, None)])


def test_a_reader_sees_one_state_while_others_write(database):
    with database.reading() as reader:
        assert reader.rows("SELECT * FROM notes") == []
        with database.writing() as writer:
            writer.insert_new("notes", COLUMNS, [(1, "later")])
        assert reader.rows("SELECT * FROM notes") == []
    assert texts(database) == ["later"]


def test_writers_that_read_first_wait_for_each_other(database):
    def count_up(_: int) -> None:
        with database.writing() as connection:
            highest = connection.value("SELECT coalesce(max(id), 0) FROM notes")
            connection.insert_new("notes", COLUMNS, [(highest + 1, "")])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_up, range(100)))
    assert len(texts(database)) == 100


def test_a_lock_that_is_not_given_back_is_reported(tmp_path):
    file = tmp_path / "tritium.db"
    with closing(Database.open(file, busy_seconds=0.05)) as database, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked by another process"), database.writing():
            pass
        other.rollback()
        with database.writing() as connection:  # the same connection is good again
            connection.change(NOTES)


def test_a_full_disk_is_reported_and_the_rows_before_it_stay(tmp_path):
    class SmallDisk(SqliteFile):
        def connect(self) -> sqlite3.Connection:
            connection = super().connect()
            connection.execute("PRAGMA max_page_count = 20")
            return connection

    with closing(Database(SmallDisk(str(tmp_path / "tritium.db"), 5.0))) as database:
        with database.writing() as connection:
            connection.change(NOTES)
            connection.insert_new("notes", COLUMNS, [(1, "fits")])
        with pytest.raises(StorageError, match=r"the disk is full\. Free some space"), database.writing() as connection:
            connection.insert_new("notes", COLUMNS, [(2, "x" * 200_000)])
        assert texts(database) == ["fits"]


# ---------------------------------------------------------------- many at once


def test_who_comes_when_all_connections_are_lent_is_told_after_a_while(tmp_path):
    pool = Pool(SqliteFile(str(tmp_path / "x.db"), 1.0).connect, lambda _: True, most=1, patience_seconds=0.01)
    with closing(pool), pool.lent() as first:
        with pytest.raises(StorageError, match="are in use"), pool.lent():
            pass
        kept = first
    with closing(pool), pool.lent() as again:
        assert again is not kept, "once closed, the pool keeps none"


def test_what_was_not_committed_is_gone_when_its_connection_is_lent_again(database):
    with database.reading() as connection:
        connection.insert_new("notes", COLUMNS, [(1, "not meant to stay")])
    assert texts(database) == []


def test_threads_that_open_a_new_file_at_once_all_succeed(tmp_path):
    start = threading.Barrier(8)

    def open_it(_: int) -> str:
        start.wait()
        with closing(Database.open(tmp_path / "new" / "tritium.db", busy_seconds=20)) as database:
            return database.where

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(open_it, range(8)))) == 8


OPEN_WHEN_TOLD = """
import sys
from tritium.storage.database import Database
print("ready", flush=True)
sys.stdin.readline()
Database.open(sys.argv[1], busy_seconds=20).close()
"""


def test_processes_that_migrate_at_once_all_succeed(tmp_path):
    file = tmp_path / "tritium.db"
    command = [sys.executable, "-W", "error", "-c", OPEN_WHEN_TOLD, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for each in processes:
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        each.stdin.write("go\n")
        each.stdin.flush()
    quiet = ("", "")
    assert [(each.communicate(timeout=30), each.returncode) for each in processes] == [(quiet, 0)] * 2
    with closing(sqlite3.connect(file)) as plain:
        assert plain.execute("SELECT count(*) FROM tritium_version").fetchone() == (1,)
