"""`tritium serve --workers`: one port, several processes; they may die, the gateway and its ledger go on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

QUIET = 'local = { enabled = false, detect_servers = false }\n[fusion]\npanel = ["scripted/ok"]\n'


class Served:
    """The supervising process and what it said."""

    def __init__(self, config: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tritium", "serve", "--port", "0", "--config", str(config), *options]
        pipe = subprocess.PIPE
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        kept.update(environment or {})
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=kept)
        self.port = 0

    def up(self) -> Served:
        said = ""
        while "Ctrl-C stops it." not in said:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            said += line
        self.port = int(said.split()[3].rsplit(":", 1)[1].split("/")[0])
        return self

    def workers(self) -> list[int]:
        """Processes whose parent it is, but for Python's own helper."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in _read(Path(f"/proc/{pid}/cmdline"))]

    def ask(self, model: str = "scripted/say=hello", *, on: http.client.HTTPConnection | None = None) -> str:
        connection = on or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}]})
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            answer = json.loads(reply.read())
            assert reply.status == 200, answer
            return answer["id"]
        finally:
            if on is None:
                connection.close()

    def stop(self, *signals: signal.Signals) -> tuple[int, str]:
        for each in signals or (signal.SIGTERM,):
            self.process.send_signal(each)
            time.sleep(0.2)
        code = self.process.wait(40)
        return code, self.process.stderr.read()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def wait_until(claim: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*options: str, config: str = "", environment: dict[str, str] | None = None) -> Served:
        file = tmp_path / "tritium.toml"
        file.write_text(f'data_dir = "{tmp_path}"\n{config}\n{QUIET}')
        started.append(Served(file, "--workers", "2", *options, environment=environment))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait(10)
        each.process.stdout.close()
        each.process.stderr.close()


def ids_in(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [each for (each,) in connection.execute("select request_id from generations")]


def test_under_load_both_answer_and_no_row_is_lost(serve, tmp_path):
    served = serve().up()
    before = {pid: _processor_ticks(pid) for pid in served.workers()}
    assert len(before) == 2

    def client(_: int) -> list[str]:
        with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
            return [served.ask(on=connection) for _ in range(40)]

    with ThreadPoolExecutor(16) as threads:
        answered = [each for some in threads.map(client, range(16)) for each in some]
    assert all(_processor_ticks(pid) > before[pid] for pid in before)
    assert served.stop() == (0, "")
    assert sorted(ids_in(tmp_path / "tritium.db")) == sorted(answered)
    assert len(answered) == 640


def test_a_killed_worker_is_replaced_and_requests_go_on(serve, tmp_path):
    served = serve().up()
    victim, survivor = served.workers()
    answered: list[str] = []
    end = threading.Event()

    def go_on() -> None:
        while not end.is_set():
            try:
                answered.append(served.ask())
            except (OSError, http.client.HTTPException):  # it was with the one that was killed
                continue

    asking = threading.Thread(target=go_on)
    asking.start()
    wait_until(lambda: len(answered) > 20)
    promised = list(answered)
    time.sleep(1)  # the writer commits within a tenth of a second
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in served.workers() and len(served.workers()) == 2)
    count = len(answered)
    wait_until(lambda: len(answered) > count + 20)
    end.set()
    asking.join()

    assert survivor in served.workers()
    code, said = served.stop()
    assert code == 0
    assert f"(process {victim}) was ended by SIGKILL and is replaced" in said
    kept = set(ids_in(tmp_path / "tritium.db"))
    assert set(promised) - kept == set(), "only what the killed one had answered in its last moment may be missing"


def test_a_worker_that_is_told_to_end_finishes_and_is_replaced(serve):
    served = serve().up()
    first, second = served.workers()
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: first not in served.workers() and len(served.workers()) == 2)
    assert second in served.workers()
    served.ask()
    code, said = served.stop()
    assert (code, "ended with exit code 0 and is replaced" in said) == (0, True)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_all_end_with_0_and_nothing_remains(serve, told):
    served = serve().up()
    workers = served.workers()
    assert served.stop(told) == (0, "")
    assert all(map(gone, workers))


def test_ctrl_c_reaches_everybody_and_is_heard_once(serve):
    """As a terminal or a service manager does it: the signal goes to the workers as well."""
    served = serve().up()
    asking = threading.Thread(target=served.ask, args=("scripted/say=late;delay=1500",))
    asking.start()
    time.sleep(0.5)
    for pid in (*served.workers(), served.process.pid):
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM) if pid != served.process.pid else None
    asking.join(20)
    code = served.process.wait(20)
    assert (code, served.process.stderr.read()) == (0, "")


def test_a_second_signal_waits_for_nobody(serve):
    served = serve().up()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    body = json.dumps({"model": "scripted/say=late;delay=20000", "messages": [{"role": "user", "content": "x"}]})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    time.sleep(0.3)
    began = time.monotonic()
    assert served.stop(signal.SIGTERM, signal.SIGTERM)[0] == 0
    assert time.monotonic() - began < 4.5, "a single one would let it go on for five seconds"
    connection.close()


def test_workers_end_when_their_parent_is_killed(serve):
    served = serve().up()
    workers = served.workers()
    served.process.kill()
    wait_until(lambda: all(map(gone, workers)))


def test_what_keeps_them_from_serving_is_said_once(serve):
    served = serve(config='database_env = "NO_SUCH_VARIABLE"')
    assert served.process.wait(30) == 2
    said = served.process.stderr.read()
    assert said.count("NO_SUCH_VARIABLE is not set") == 1
    assert "Traceback" not in said


def test_postgresql_serves_both_and_its_password_is_shown_nowhere(serve, postgresql_database):
    address = postgresql_database.replace("@", ":hunter2@")  # which it doesn't ask for
    served = serve(config='database_env = "THE_DATABASE"', environment={"THE_DATABASE": address}).up()
    with ThreadPoolExecutor(8) as threads:
        answered = list(threads.map(lambda _: served.ask(), range(80)))
    code, said = served.stop()
    assert (code, said) == (0, "")
    with psycopg.connect(postgresql_database) as plain:
        rows = [each for (each,) in plain.execute("SELECT request_id FROM generations")]
    assert sorted(rows) == sorted(answered)


def _processor_ticks(pid: int) -> int:
    """User and system time of a process, /proc/PID/stat's fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
