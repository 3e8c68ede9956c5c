"""A gateway killed in the middle of answers: what was set aside for them is accounted for at the next start, once."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

CONFIG = """
data_dir = "{folder}"
local = {{ enabled = false, detect_servers = false }}
"""


class Gateway:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "tritium.toml"
        self.config.write_text(CONFIG.format(folder=folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def tritium(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "tritium", *arguments, "--config", str(self.config), "--json"]
        done = subprocess.run(command, capture_output=True, check=True, env=environment())
        return json.loads(done.stdout)

    def start(self) -> None:
        command = [sys.executable, "-m", "tritium", "serve", "--port", str(self.port), "--config", str(self.config)]
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, env=environment())
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/health")
            except httpx.TransportError:
                assert self.process.poll() is None, (self.folder / "said").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(15)
        self.process = None

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "tritium.db")) as database:
            return database.execute(query).fetchall()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    found = Gateway(tmp_path)
    yield found
    if found.process is not None:
        found.stop(signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_call_under_way_when_the_gateway_is_killed_counts_what_was_set_aside_for_it(gateway):
    made = gateway.tritium("keys", "create", "team", "--limit", "1")
    gateway.start()
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with openai.OpenAI(base_url=url, api_key=made["key"], max_retries=0) as client:
        messages = [{"role": "user", "content": "Go on"}]
        stream = client.chat.completions.create(
            model="scripted/stall=3", messages=messages, max_tokens=100, stream=True
        )
        next(iter(stream))
        time.sleep(0.5)  # the ledger's writer commits within a tenth of a second
        gateway.stop(signal.SIGKILL)
        stream.close()

    ((aside,),) = gateway.rows("select nanodollars from reservations")
    assert aside > 100 * 2000
    assert gateway.rows("select count(*) from generations") == [(0,)]
    for _ in range(2):
        gateway.start()
        ((outcome, cost, error),) = gateway.rows("select outcome, cost_nanodollars, error from generations")
        assert (outcome, cost) == ("failed", None)
        assert "ended before this call was settled" in error
        shown = gateway.tritium("keys", "show", "team")
        assert shown["limit_remaining"] == pytest.approx(1 - aside / 1e9)
        gateway.stop(signal.SIGTERM)

    assert not list((gateway.folder / "running").glob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("stream", [False, True])
def test_a_killed_fusions_seats_are_accounted_for_each_for_itself(gateway, stream):
    """One had answered, two were at work: the one is billed, the others count what was set aside for them."""
    made = gateway.tritium("keys", "create", "team", "--limit", "1")
    gateway.start()
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": "Go on"}],
        "max_tokens": 100,
        "stream": stream,
        "fusion": {
            "panel": ["scripted/say=done", "scripted/stall=3", "scripted/stall"],
            "strategy": "consensus",
            "quorum": 3,
        },
    }
    url, headers = f"http://127.0.0.1:{gateway.port}/v1/chat/completions", {"authorization": f"Bearer {made['key']}"}

    def ask() -> None:
        with suppress(httpx.TransportError):
            httpx.post(url, json=body, headers=headers, timeout=30)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 20
    while len(gateway.rows("select id from reservations")) < 2 or not gateway.rows("select id from generations"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gateway.stop(signal.SIGKILL)
    asking.join(20)

    ((aside,),) = gateway.rows("select sum(nanodollars) from reservations")
    for _ in range(2):
        gateway.start()
        rows = gateway.rows("select outcome, cost_nanodollars, role from generations order by outcome, id")
        ((_, billed, _),) = [row for row in rows if row[0] == "ok"]
        assert rows == [("failed", None, "seat"), ("failed", None, "seat"), ("ok", billed, "seat")]
        assert billed > 0
        shown = gateway.tritium("keys", "show", "team")
        assert shown["limit_remaining"] == pytest.approx(1 - (aside + billed) / 1e9)
        gateway.stop(signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_says_that_it_was_lost_and_what_had_been_asked_by_then(gateway):
    """Without any limit, too: one had answered, one was at work."""
    gateway.start()
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": "Go on"}],
        "fusion": {"panel": ["scripted/say=done", "scripted/stall=3"], "strategy": "consensus", "quorum": 2},
    }

    def ask() -> None:
        with suppress(httpx.TransportError):
            httpx.post(f"http://127.0.0.1:{gateway.port}/v1/chat/completions", json=body, timeout=30)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 20
    while not all(gateway.rows(f"select id from {table}") for table in ("runs", "generations", "reservations")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gateway.stop(signal.SIGKILL)
    asking.join(20)
    ((run_id, outcome),) = gateway.rows("select id, outcome from runs")
    assert outcome == "running"

    for _ in range(2):
        gateway.start()
        url = f"http://127.0.0.1:{gateway.port}/api/v1/fusion/runs"
        (row,) = httpx.get(url).json()["data"]
        run = httpx.get(f"{url}/{run_id}").json()["data"]
        assert (row["id"], row["outcome"], run["outcome"]) == (run_id, "lost", "lost")
        assert "gateway ended before this run did" in run["error"]
        assert [(seat["model"], seat["outcome"]) for seat in run["seats"]] == [
            ("scripted/say=done", "ok"),
            ("scripted/stall=3", "failed"),
        ]
        ((billed,),) = gateway.rows("select cost_nanodollars from generations where outcome = 'ok'")
        calls = [(call["role"], call["outcome"], call["cost_usd"]) for call in run["receipt"]["calls"]]
        assert calls == [("seat", "ok", pytest.approx(billed / 1e9)), ("seat", "failed", None)]
        assert run["receipt"]["cost_usd"] is None
        assert gateway.tritium("runs", "show", run_id)["outcome"] == "lost"
        gateway.stop(signal.SIGTERM)

    assert not list((gateway.folder / "running").glob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_an_answer_in_one_piece_that_was_under_way_counts_what_was_set_aside_for_it(gateway):
    made = gateway.tritium("keys", "create", "team", "--limit", "1")
    gateway.start()
    body = {"model": "scripted/stall=3", "messages": [{"role": "user", "content": "Go on"}], "max_tokens": 100}
    url, headers = f"http://127.0.0.1:{gateway.port}/v1/chat/completions", {"authorization": f"Bearer {made['key']}"}

    def ask() -> None:
        with suppress(httpx.TransportError):
            httpx.post(url, json=body, headers=headers, timeout=30)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 20
    while not gateway.rows("select id from reservations"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gateway.stop(signal.SIGKILL)
    asking.join(20)
    ((aside,),) = gateway.rows("select nanodollars from reservations")
    for _ in range(2):
        gateway.start()
        assert gateway.rows("select outcome, cost_nanodollars from generations") == [("failed", None)]
        shown = gateway.tritium("keys", "show", "team")
        assert shown["limit_remaining"] == pytest.approx(1 - aside / 1e9)
        gateway.stop(signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_call_of_a_caller_without_limits_is_not_forgotten_when_the_gateway_is_killed(gateway):
    gateway.start()
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        messages = [{"role": "user", "content": "Go on"}]
        stream = client.chat.completions.create(model="scripted/stall=3", messages=messages, stream=True)
        next(iter(stream))
        time.sleep(0.5)  # the ledger's writer commits within a tenth of a second
        gateway.stop(signal.SIGKILL)
        stream.close()

    for _ in range(2):
        gateway.start()
        ((outcome, cost, error),) = gateway.rows("select outcome, cost_nanodollars, error from generations")
        assert (outcome, cost) == ("failed", None)
        assert "ended before this call was settled" in error
        gateway.stop(signal.SIGTERM)
