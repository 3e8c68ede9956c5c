"""The real process: `tritium serve` started, asked by the official SDK, killed, started again."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest

ROOT = Path(__file__).parents[2]
CONFIG = """
data_dir = "{folder}"
local = {{ enabled = false, detect_servers = false }}

[models."tritium/fusion"]
kind = "fusion"
panel = ["scripted/say=17%20times%203%20is%2051.", "scripted/say=51;delay=5", "scripted/say=52"]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "tritium.toml"
        self.config.write_text(CONFIG.format(folder=folder))
        self.process: subprocess.Popen[str] | None = None
        self.clients: list[openai.OpenAI] = []

    def start(self) -> None:
        command = [sys.executable, "-m", "tritium", "serve", "--port", str(self.port), "--config", str(self.config)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=clean_environment())
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self, with_signal: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(with_signal)
        code = self.process.wait(15)
        self.process.stdout.close()
        self.process.stderr.close()
        self.process = None
        return code

    def client(self) -> openai.OpenAI:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="unused", max_retries=0)
        self.clients.append(client)
        return client


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path)
    found.start()
    yield found
    for client in found.clients:
        client.close()
    if found.process is not None:
        found.stop(signal.SIGKILL)


@pytest.fixture
def readme_block() -> Callable[[str, str], str]:
    text = (ROOT / "README.md").read_text()

    def find(language: str, having: str) -> str:
        blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        return next(block for block in blocks if having in block)

    return find


def test_the_readmes_example_runs_word_for_word_but_for_the_port(served, readme_block):
    example = readme_block("python", "openrouter/fusion").replace(":8484/", f":{served.port}/")

    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "17 times 3 is 51.\n"


def test_the_readmes_first_two_shell_blocks_are_the_two_commands(readme_block):
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    assert blocks[0].startswith('./run ask "')
    assert blocks[1] == "./run test\n"


def test_what_was_answered_before_a_kill_is_in_the_ledger_after_it(served):
    client = served.client()
    answer = client.chat.completions.create(
        model="tritium/fusion", messages=[{"role": "user", "content": "What is 17 times 3? Answer with a number."}]
    )
    time.sleep(0.5)  # the writer commits within a tenth of a second

    assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    with sqlite3.connect(served.folder / "tritium.db") as database:
        rows = database.execute("select role from generations where request_id = ?", (answer.id,)).fetchall()
        runs = database.execute("select count(*) from runs where id = ?", (answer.id,)).fetchone()
    database.close()
    served.start()

    assert {role for (role,) in rows} == {"seat"}
    assert runs == (1,)
    assert served.client().models.list().data


def test_a_served_gateway_ends_cleanly_when_it_is_asked_to(served):
    served.client().models.list()

    assert served.stop(signal.SIGINT) == 0


def test_an_answer_under_way_when_the_gateway_ends_is_settled(served):
    client = served.client()
    stream = client.chat.completions.create(
        model="scripted/words=500;rate=50", messages=[{"role": "user", "content": "Go on"}], stream=True
    )
    next(iter(stream))

    served.stop(signal.SIGTERM)
    stream.close()
    with sqlite3.connect(served.folder / "tritium.db") as database:
        rows = database.execute("select outcome, output_tokens from generations").fetchall()
    database.close()

    assert len(rows) == 1
    assert rows[0][0] in ("cancelled", "ok")
    assert rows[0][1] > 0
