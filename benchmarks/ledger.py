"""What writing a generation down costs the request that caused it, beside a ledger that commits a row per request.

    python benchmarks/ledger.py [--quick] [--json PATH] [--database postgresql://USER@HOST/NAME]

Caller: microseconds the recording thread (a gateway's event loop) is held up per row. Through: rows per second from the
first call until the last row is committed. Both ledgers use the same table, driver and settings: SQLite with its
write-ahead log and synchronous=normal, in a fresh file each; or the PostgreSQL database that is named, each in a schema
of its own that is dropped again. Its bars are lower: a row goes to another process, on the same two cores if need be.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritium.chat import Usage
from tritium.ledger.generations import Generations
from tritium.ledger.writer import LedgerWriter
from tritium.model import Generation
from tritium.storage.database import Database

BURST = 2_000
"""Rows recorded at once to time the caller: a fifth of the queue, so that none of them waits for room."""


@dataclass(frozen=True)
class Measured:
    caller_microseconds: float
    rows_per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same figures from fewer rows")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL database, in place of a SQLite file")
    options = parser.parse_args()
    rows = 20_000 if options.quick else 200_000
    ours, baseline = measure_writer(rows, options.database), measure_commit_per_row(rows // 20, options.database)
    figures = judge(ours, baseline, least_rows_per_second=5_000 if options.database else 20_000)
    show(ours, baseline, figures)
    if options.json:
        report = {"figures": figures, "machine": machine(), "versions": versions()}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def measure_writer(rows: int, address: str | None) -> Measured:
    with database(address) as kept, closing(LedgerWriter(kept)) as writer:
        bursts = []
        for _ in range(rows // BURST):
            burst = generations(BURST)
            bursts.append(seconds(writer.generation, burst) / BURST)
            writer.flush(timeout_seconds=60)
        steady = generations(rows)
        began = time.perf_counter()
        seconds(writer.generation, steady)
        writer.flush(timeout_seconds=120)
        through = rows / (time.perf_counter() - began)
        expect(kept, len(bursts) * BURST + rows)
    return Measured(statistics.median(bursts) * 1e6, through)


def measure_commit_per_row(rows: int, address: str | None) -> Measured:
    with database(address) as kept:

        def record(row: Generation) -> None:
            with kept.writing() as connection:
                Generations.insert(connection, [row])

        each = [seconds(record, [row]) for row in generations(rows)]
        expect(kept, rows)
    return Measured(statistics.median(each) * 1e6, rows / sum(each))


@contextmanager
def database(address: str | None) -> Iterator[Database]:
    if address is not None:
        with schema(address) as ours, closing(Database.open(ours)) as opened:
            yield opened
        return
    with tempfile.TemporaryDirectory() as folder, closing(Database.open(Path(folder) / "ledger.db")) as opened:
        yield opened


@contextmanager
def schema(address: str) -> Iterator[str]:
    """The address of a new schema in the database, dropped afterwards."""
    import psycopg  # noqa: PLC0415 only PostgreSQL needs it

    name = f"benchmark_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{address}{'&' if '?' in address else '?'}options=-c%20search_path%3D{name}"
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def generations(count: int) -> list[Generation]:
    """Plain requests of a gateway that answers a thousand a second: their ids begin with the second."""
    now = time.time()
    return [generation(f"gen-{int(now + n / 1000)}-{secrets.token_hex(8)}", now + n / 1000) for n in range(count)]


def generation(call_id: str, created_at: float) -> Generation:
    return Generation(
        id=call_id,
        request_id=call_id,
        model="maker/a-model",
        provider="vendor",
        role="solo",
        created_at=created_at,
        usage=Usage(input=812, output=301, cache_read=512),
        cost_nanodollars=1_234_567,
        outcome="ok",
        finish_reason="stop",
        streamed=True,
        first_token_ms=312.5,
        latency_ms=2104.25,
    )


def seconds(record: Callable[[Generation], None], rows: list[Generation]) -> float:
    began = time.perf_counter()
    for row in rows:
        record(row)
    return time.perf_counter() - began


def expect(kept: Database, rows: int) -> None:
    """A figure from rows that are not there would be none."""
    with kept.reading() as connection:
        found = connection.value("SELECT count(*) FROM generations")
    if found != rows:
        raise SystemExit(f"{rows} rows were recorded and {found} are in the table")


def judge(ours: Measured, baseline: Measured, least_rows_per_second: int) -> list[dict[str, Any]]:
    caller_ratio = baseline.caller_microseconds / ours.caller_microseconds
    through_ratio = ours.rows_per_second / baseline.rows_per_second
    return [
        at_most("ledger, caller per row", ours.caller_microseconds, "µs", 1.0),
        at_least("ledger, caller against a commit per row", caller_ratio, "times less", 100),
        at_least("ledger, rows through to commit", ours.rows_per_second, "rows/s", least_rows_per_second),
        at_least("ledger, rows against a commit per row", through_ratio, "times more", 5),
    ]


def at_most(name: str, value: float, unit: str, bar: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "bar": f"<= {bar:,}", "holds": value <= bar}


def at_least(name: str, value: float, unit: str, bar: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "bar": f">= {bar:,}", "holds": value >= bar}


def show(ours: Measured, baseline: Measured, figures: list[dict[str, Any]]) -> None:
    print(f"{'':32}{'caller, µs per row':>20}{'through, rows/s':>18}")
    for name, measured in (("Tritium's ledger", ours), ("a commit per row", baseline)):
        print(f"{name:32}{measured.caller_microseconds:20,.2f}{measured.rows_per_second:18,.0f}")
    print()
    for figure in figures:
        verdict = "holds" if figure["holds"] else "FAILS"
        print(f"{figure['name']:42}{figure['value']:12,.2f} {figure['unit']:12}{figure['bar']:>10}  {verdict}")


def machine() -> dict[str, Any]:
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


if __name__ == "__main__":
    main()
