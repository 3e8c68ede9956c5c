"""Nothing recorded is lost, doubled or late: not by a full queue, a full disk, a lock, a bad row or kill -9."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tritium.chat import Usage
from tritium.errors import StorageError
from tritium.ledger.generations import Generations
from tritium.ledger.runs import Runs
from tritium.ledger.writer import LedgerWriter
from tritium.storage.database import Database
from tritium.storage.sqlite import SqliteFile

ALL = 1_000_000


@pytest.fixture
def write(database: Database) -> Iterator[Callable[..., LedgerWriter]]:
    """Start a writer that is closed with the test."""
    writers = []

    def start(**settings: float) -> LedgerWriter:
        writers.append(LedgerWriter(database, **settings))
        return writers[-1]

    yield start
    for writer in writers:
        writer.close()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody else writes and doesn't finish."""
    if not database.embedded:
        with database.reading() as other:
            other.change("LOCK TABLE generations IN EXCLUSIVE MODE")
            yield
        return
    with closing(sqlite3.connect(database.where, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def ids(database: Database) -> list[str]:
    return sorted(row.id for row in Generations(database).recent(ALL))


def wait_until(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# ---------------------------------------------------------------- the normal way


def test_what_was_flushed_can_be_read(database, write, generation):
    writer = write()
    for n in range(20):
        writer.generation(generation(f"gen-{n}"))
        writer.flush()
        assert Generations(database).get(f"gen-{n}") is not None


async def test_flushing_does_not_hold_up_the_event_loop(database, write, generation):
    writer = write()
    for n in range(20):
        writer.generation(generation(f"gen-{n}"))
        await asyncio.gather(writer.aflush(), writer.aflush())
        assert Generations(database).get(f"gen-{n}") is not None


def test_a_flush_waits_for_more_than_one_batch(database, write, generation):
    writer = write(batch_rows=7, linger_seconds=60)
    for n in range(100):
        writer.generation(generation(f"gen-{n}"))
    writer.flush()
    assert len(ids(database)) == 100


def test_a_lone_row_is_written_without_a_flush(database, write, generation):
    write(linger_seconds=0.01).generation(generation("gen-1"))
    wait_until(lambda: ids(database) == ["gen-1"])


def test_a_full_batch_does_not_wait_for_its_time(database, write, generation):
    writer = write(batch_rows=10, linger_seconds=60)
    for n in range(10):
        writer.generation(generation(f"gen-{n}"))
    wait_until(lambda: len(ids(database)) == 10)


def test_runs_and_generations_go_together(database, write, generation):
    writer = write()
    writer.generation(generation("gen-1"))
    writer.run("run-1", 1.0, "tritium/fusion", b'{"answer":"42"}')
    writer.flush()
    assert Runs(database).get("run-1").document == b'{"answer":"42"}'
    assert ids(database) == ["gen-1"]


def test_threads_may_record_at_once(database, write, generation):
    writer = write(capacity=100, batch_rows=50)

    def record(thread: int) -> None:
        for n in range(500):
            writer.generation(generation(f"gen-{thread}-{n}"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(record, range(4)))
    writer.flush()
    assert len(ids(database)) == 2000
    assert writer.health().written == 2000


# ---------------------------------------------------------------- too much, too slow


def test_a_full_queue_holds_up_its_caller_and_loses_nothing(database, write, generation):
    writer = write(capacity=10, batch_rows=5, patience_seconds=30)
    with ThreadPoolExecutor(1) as threads:
        with locked(database):
            recording = threads.submit(lambda: [writer.generation(generation(f"gen-{n}")) for n in range(100)])
            wait_until(lambda: writer.health().blocked)
            assert writer.health().full
            assert writer.health().queued <= 10 + 5, "the queue, and the batch in hand"
            assert not recording.done()
        recording.result(timeout=10)
    writer.flush()
    assert len(ids(database)) == 100


def test_a_caller_is_not_held_up_for_good(database, write, generation):
    writer = write(capacity=5, batch_rows=5, patience_seconds=0.01)
    with locked(database):
        for n in range(30):
            writer.generation(generation(f"gen-{n}"))
        assert writer.health().full
        assert writer.health().blocked
    writer.flush()
    assert len(ids(database)) == 30
    assert not writer.health().full


# ---------------------------------------------------------------- the database is at fault


def test_rows_wait_for_a_lock_and_the_fault_can_be_seen(database, write, generation, caplog):
    writer = write()
    with locked(database):
        writer.generation(generation("gen-1"))
        with pytest.raises(StorageError, match=r"not written up after 0\.5 s \(1 rows\).*locked by another process"):
            writer.flush(0.5)
        health = writer.health()
        assert (health.queued, health.written) == (1, 0)
        assert "locked by another process" in health.fault
        assert time.time() - 60 < health.fault_since <= time.time()
    writer.flush()
    assert ids(database) == ["gen-1"]
    assert (writer.health().fault, writer.health().fault_since, writer.health().written) == (None, None, 1)
    said = [record.levelno for record in caplog.records if record.name == "tritium.ledger.writer"]
    assert said == [logging.ERROR, logging.WARNING], "once when it began, once when it ended"


async def test_an_asynchronous_flush_gives_up_too(database, write, generation):
    writer = write()
    with locked(database):
        writer.generation(generation("gen-1"))
        with pytest.raises(StorageError, match="locked by another process"):
            await writer.aflush(0.3)
    await writer.aflush()
    assert ids(database) == ["gen-1"]


def test_rows_survive_a_full_disk_and_are_written_once(tmp_path, generation):
    pages = [40]

    class SmallDisk(SqliteFile):
        def begin(self, connection: sqlite3.Connection, *, writing: bool) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages[0]}")
            super().begin(connection, writing=writing)

    Database.open(tmp_path / "tritium.db").close()
    with (
        closing(Database(SmallDisk(str(tmp_path / "tritium.db"), 5.0))) as database,
        closing(LedgerWriter(database, batch_rows=50)) as writer,
    ):
        for n in range(600):
            writer.generation(generation(f"gen-{n}", error="x" * 200))
        wait_until(lambda: writer.health().fault)
        health = writer.health()
        assert "disk is full" in health.fault
        assert 0 < health.written < 600
        assert health.written + health.queued == 600
        pages[0] = 1_000_000
        writer.flush()
        assert len(ids(database)) == writer.health().written == 600


def test_a_row_no_database_takes_does_not_hold_up_the_others(database, write, generation, caplog):
    writer = write()
    for n in range(9):
        writer.generation(generation(f"gen-{n}", usage=Usage(input=2**63 if n == 5 else 1)))
    writer.run("run-1", 1.0, "m", b"not JSON")
    writer.flush()
    assert ids(database) == [f"gen-{n}" for n in range(9) if n != 5]
    assert (writer.health().written, writer.health().refused, writer.health().fault) == (8, 2, None)
    assert "row 'gen-5' can't be written" in caplog.text
    assert "row 'run-1' can't be written" in caplog.text


# ---------------------------------------------------------------- the end


def test_closing_writes_what_is_waiting(database, generation):
    writer = LedgerWriter(database, linger_seconds=60)
    for n in range(1234):
        writer.generation(generation(f"gen-{n}"))
    writer.close()
    assert len(ids(database)) == 1234
    writer.close()


def test_nothing_is_taken_after_the_end(database, generation):
    writer = LedgerWriter(database)
    writer.close()
    writer.flush()
    with pytest.raises(StorageError, match="The ledger is closed"):
        writer.generation(generation("gen-1"))


def test_closing_says_what_could_not_be_written(database, generation):
    writer = LedgerWriter(database)
    with locked(database):
        for n in range(3):
            writer.generation(generation(f"gen-{n}"))
        with pytest.raises(StorageError, match=r"3 rows of the ledger could not be written.*locked by another process"):
            writer.close(timeout_seconds=0.3)


def test_a_loop_that_went_away_while_flushing_does_not_stop_the_writer(database, write, generation):
    writer = write()
    with locked(database):
        writer.generation(generation("gen-1"))
        with suppress(StorageError):
            asyncio.run(writer.aflush(0.05))
    writer.flush()
    assert ids(database) == ["gen-1"]


WRITE_UNTIL_KILLED = """
import sys
from tritium.chat import Usage
from tritium.ledger.writer import LedgerWriter
from tritium.model import Generation
from tritium.storage.database import Database

writer = LedgerWriter(Database.open(sys.argv[1]))
n = 0
while True:
    for n in range(n, n + 20):
        row = Generation(f"gen-{n}", "r", "m", "p", "solo", float(n), Usage(), None, "ok", None, False, None, 1.0)
        writer.generation(row)
    writer.flush()
    n += 1
    print(n, flush=True)
"""


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_rows_survive_a_server_that_cuts_every_connection(database, postgresql_database, write, generation):
    writer = write(batch_rows=20)
    with psycopg.connect(postgresql_database, autocommit=True) as superuser:
        for n in range(500):
            writer.generation(generation(f"gen-{n}"))
            if n % 50 == 0:
                superuser.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
    writer.flush(20)
    assert len(ids(database)) == writer.health().written == 500


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_committed_survives_kill_9(tmp_path: Path, kind, request):
    place = str(tmp_path / "killed.db") if kind == "sqlite" else request.getfixturevalue("postgresql_database")
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(50):
            promised = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        promised = max([promised, *(int(line) for line in process.stdout if line.endswith("\n"))])
    assert process.returncode == -signal.SIGKILL
    with closing(Database.open(place)) as database:
        kept = ids(database)
        assert {f"gen-{n}" for n in range(promised)} <= set(kept)
        assert len(kept) == len(set(kept))
        if kind == "sqlite":
            with database.reading() as connection:
                assert connection.value("PRAGMA integrity_check") == "ok"
