"""One `tritium serve` for all clients, in front of a vendor's server on loopback; the clients at work two at a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .environment import Clients
from .vendor import vendor

HERE = Path(__file__).parent
MANAGEMENT_KEY = "management-key-of-the-clients-tests"
CONFIG = """
data_dir = "{folder}"
local = {{ enabled = false, detect_servers = false }}

[accounts]
management_key_env = "TRITIUM_MANAGEMENT_KEY"

[providers.openai]
base_url = "{vendor}"

[providers.vendor]
format = "openai"
base_url = "{vendor}"
models = ["atlas"]

[prices."vendor/atlas"]
input = 1
output = 2

[models."tritium/fusion"]
kind = "fusion"
strategy = "synthesize"
panel = ["scripted/say=Paris", "scripted/say=Paris.;delay=5", "scripted/say=Lyon"]
judge = "scripted/judge=0"
synthesizer = "scripted/say=Paris%2C%20as%20most%20of%20them%20say."

[models."tritium/cities"]
kind = "fusion"
panel = ["vendor/atlas", "vendor/atlas", "scripted/say=%7B%22city%22%3A%22Rome%22%2C%22population%22%3A2%7D"]
"""

Report = Callable[[str], dict[str, Any]]
Seen = Callable[[str, str], Any]
Get = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Its address, a key and the management key, as the environment variables that clients are given."""
    folder = tmp_path_factory.mktemp("gateway")
    config = folder / "tritium.toml"
    own = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environment = {**own, "OPENAI_API_KEY": "unused", "TRITIUM_MANAGEMENT_KEY": MANAGEMENT_KEY}
    tritium = [sys.executable, "-m", "tritium"]
    with vendor() as url, (folder / "said").open("wb") as said:
        config.write_text(CONFIG.format(folder=folder, vendor=url))
        create = [*tritium, "keys", "create", "clients", "--config", str(config), "--json"]
        made = json.loads(subprocess.run(create, capture_output=True, check=True, env=environment).stdout)
        port = _free_port()
        serve = [*tritium, "serve", "--port", str(port), "--config", str(config)]
        process = subprocess.Popen(serve, stdout=said, stderr=said, env=environment)
        try:
            _wait_for(port, process, folder / "said")
            yield {
                "TRITIUM_URL": f"http://127.0.0.1:{port}",
                "TRITIUM_KEY": made["key"],
                "TRITIUM_MANAGEMENT_KEY": MANAGEMENT_KEY,
            }
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest, gateway: dict[str, str]) -> Iterator[Report]:
    """What a client saw, by feature: all that were selected are started at once, and each test waits for its own."""
    clients = Clients(request.config.cache.mkdir("clients"), gateway)
    own = [item for item in request.session.items if item.path.parent == HERE]
    names = dict.fromkeys(item.callspec.params["client"] for item in own if "report" in item.fixturenames)
    pool = ThreadPoolExecutor(2)
    reports: dict[str, Future[dict[str, Any]]] = {name: pool.submit(clients.report, name) for name in names}
    yield lambda name: reports[name].result()
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def seen(report: Report) -> Seen:
    """One feature of it; a test whose feature failed in the client fails with the client's traceback."""

    def look(client: str, feature: str) -> Any:
        found = report(client)[feature]
        if isinstance(found, dict) and "failed" in found:
            pytest.fail(found["failed"], pytrace=False)
        return found

    return look


@pytest.fixture(scope="session")
def get(gateway: dict[str, str]) -> Get:
    """For what a client has no function for: a JSON document of the gateway."""

    def fetch(path: str) -> dict[str, Any]:
        key = {"Authorization": f"Bearer {gateway['TRITIUM_KEY']}"}
        asked = urllib.request.Request(gateway["TRITIUM_URL"] + path, headers=key)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return json.load(answer)

    return fetch


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        else:
            return
