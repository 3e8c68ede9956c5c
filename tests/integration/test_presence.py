"""Who lives and who is dead, told across processes: what the living have open is theirs, the dead's is settled once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tritium.accounts.till import bury
from tritium.ledger.allowances import Allowances, Purse
from tritium.ledger.generations import Generations
from tritium.ledger.reservations import LOST
from tritium.storage.database import Database
from tritium.storage.presence import FilePresence, Presence, TablePresence, presence

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

DEAD_SECONDS = 1.0
"""For tests: half a minute is long."""

PROCESS = """
import sys, time
from pathlib import Path
from tritium.ledger.allowances import Allowances, Purse
from tritium.ledger.reservations import Reservation
from tritium.ledger.writer import LedgerWriter
from tritium.storage.database import Database
from tritium.storage.presence import TablePresence, presence

location, call = sys.argv[1:]
database = Database.open(location if "://" in location else Path(location))
here = presence(database) if database.embedded else TablePresence(database)
purse = Purse("everybody", 0)
Allowances(database).grant(purse, here.name, 1_000_000, 100_000)
writer = LedgerWriter(database)
writer.reserve(
    Reservation(call, call, time.time(), "me", "a/b", "a", "solo", False, 30_000, here.name, (purse,))
)
writer.flush()
print(here.name, flush=True)
while True:
    time.sleep(0.2)
    here.sign()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "tritium.db")
    return request.getfixturevalue("postgresql_database")


@pytest.fixture
def database(location) -> Iterator[Database]:
    with closing(Database.open(location if "://" in location else Path(location))) as database:
        yield database


@pytest.fixture
def process(location, database) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(call: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROCESS, location, call]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait(10)
        each.stdout.close()


def ours(database: Database) -> Presence:
    return presence(database) if database.embedded else TablePresence(database, dead_seconds=DEAD_SECONDS)


def until(claim: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_process_is_settled_once_and_a_living_one_left_alone(database, process):
    victim, survivor = process("gen-1"), process("gen-2")
    names = [each.stdout.readline().strip() for each in (victim, survivor)]
    here = ours(database)
    here.sign()
    table, purse = Allowances(database), Purse("everybody", 0)
    assert sorted(table.owners()) == sorted(names)
    before = table.committed()[purse]
    assert before == 200_000

    def look() -> None:
        here.sign()
        bury(database, here)

    end = time.monotonic() + 2 * DEAD_SECONDS
    while time.monotonic() < end:
        look()
        assert Generations(database).recent() == []
        time.sleep(0.1)

    victim.send_signal(signal.SIGKILL)
    victim.wait(10)

    def settled() -> bool:
        look()
        return bool(Generations(database).recent())

    until(settled)
    for _ in range(3):
        look()
        (row,) = Generations(database).recent()
        assert (row.id, row.error, row.cost_nanodollars, row.caller) == ("gen-1", LOST, None, "me")
        assert table.owners() == [names[1]]
        assert table.committed()[purse] == before - 70_000, (
            "what was set aside counts on, the rest of the slice is free"
        )
    assert survivor.poll() is None
    here.close()


def test_who_has_just_come_judges_nobody(postgresql_database):
    with closing(Database.open(postgresql_database)) as database:
        here = TablePresence(database, dead_seconds=DEAD_SECONDS)
        assert here.dead() is None
        for _ in range(4):
            here.sign()
            assert here.dead() is None
            time.sleep(0.28)
        here.sign()
        told = here.dead()
        assert told is not None
        assert (told(here.name, 0), told("@gone/1", time.time() - 1), told("old/1", time.time() - 60)) == (
            False,
            True,
            False,
        )


def test_who_was_taken_for_dead_learns_it(postgresql_database):
    with closing(Database.open(postgresql_database)) as database:
        slow, other = (TablePresence(database, dead_seconds=0.4) for _ in range(2))
        assert slow.sign()
        for _ in range(8):
            assert other.sign()
            time.sleep(0.06)
        told = other.dead()
        assert told is not None
        assert told(slow.name, 0)
        assert not slow.sign()
        assert slow.sign()
        told = other.dead()
        assert told is not None
        assert not told(slow.name, 0)


def test_a_server_that_was_away_makes_nobody_dead(postgresql_database):
    with closing(Database.open(postgresql_database)) as database, psycopg.connect(postgresql_database) as plain:
        one, two = (TablePresence(database, dead_seconds=0.5) for _ in range(2))
        assert one.sign()
        assert two.sign()
        plain.execute("UPDATE processes SET seen_at = seen_at - 3600")  # nobody has been heard of for an hour
        plain.commit()
        time.sleep(0.6)  # nor has anybody signed
        assert one.sign()
        assert one.dead() is None
        assert two.sign(), "it is back before anybody judges"


def test_the_files_stand_beside_the_database_whatever_the_data_folder(tmp_path):
    path = tmp_path / "elsewhere" / "tritium.db"
    with closing(Database.open(path)) as database:
        here, there = presence(database), presence(database)
        names = here.name, there.name
        assert len(set(names)) == 2
        assert isinstance(here, FilePresence)
        assert len(list((path.parent / "running").glob("*.lease"))) == 2
        assert not here.dead()(names[1], 0)
        there.close()
        assert here.dead()(names[1], 0)
        here.close()
        assert list((path.parent / "running").iterdir()) == []
