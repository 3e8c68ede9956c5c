"""Worker processes and a key's limit: asked by many at once, with one of them killed, they stay within it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

LIMIT_NANODOLLARS = 1_500_000
COST = 1 * 1000 + 5 * 2000
"""Nano-dollars of one call."""
WORKERS = 4


def tritium(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tritium", *arguments, "--config", str(config)]


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")} | more


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    if "://" in database:
        with psycopg.connect(database) as connection:
            return connection.execute(query).fetchall()
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_four_workers_stay_within_a_keys_limit_even_if_one_is_killed(kind, request, tmp_path):
    config = tmp_path / "tritium.toml"
    quiet = "local = { enabled = false, detect_servers = false }\n"
    database = str(tmp_path / "tritium.db")
    if kind == "postgresql":
        database = request.getfixturevalue("postgresql_database")
        quiet += f'database = "{database}"\n'
    config.write_text(f'data_dir = "{tmp_path}"\n{quiet}')
    limit = str(LIMIT_NANODOLLARS / 1e9)
    command = tritium(config, "keys", "create", "team", "--limit", limit, "--json")
    made = json.loads(subprocess.run(command, capture_output=True, check=True, env=environment()).stdout)

    command = tritium(config, "serve", "--port", "0", "--workers", str(WORKERS))
    with (tmp_path / "said").open("w") as said:
        served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment())
    try:
        line = ""
        while "Ctrl-C stops it." not in line:
            line += served.stdout.readline()
        port = int(line.split()[3].rsplit(":", 1)[1].split("/")[0])

        def ask(number: int) -> int:
            if number == 100:
                os.kill(workers_of(served.pid)[0], signal.SIGKILL)
            return _ask(port, made["key"])

        with ThreadPoolExecutor(16) as threads:
            told = Counter(threads.map(ask, range(500)))
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0, (tmp_path / "said").read_text()
    finally:
        served.kill()
        served.wait(10)
        served.stdout.close()

    assert set(told) <= {0, 200, 402}
    ((spent,),) = rows(database, "SELECT sum(cost_nanodollars) FROM generations")
    ((held,),) = rows(database, "SELECT coalesce(sum(nanodollars), 0) FROM reservations")
    assert spent + held <= LIMIT_NANODOLLARS
    assert told[200] * COST <= LIMIT_NANODOLLARS
    assert told[200] * COST >= LIMIT_NANODOLLARS / 2, "most of it can be spent"
    assert told[402] > 0


def _ask(port: int, key: str) -> int:
    """The status of the answer; 0 if there was none, as from a worker that is killed."""
    model = "scripted/say=a%20b%20c%20d%20e;delay=5"
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 5})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            reply = connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException):
            return 0
        return reply.status
