"""What is loaded, and what isn't: a server is there at once because it leaves the rest alone."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tritium.cli.commands import app
from tritium.cli.server import run_server
from tritium.cli.shortcut import plain_serve

HEAVY = {
    "alembic", "dbos", "genai_prices", "httpx", "httpx2", "numpy", "pip", "psycopg", "pydantic", "redis", "rich",
    "sqlalchemy", "torch", "typer", "xllamacpp",
}  # fmt: skip


def loaded(importtime: str) -> set[str]:
    """The packages that `python -X importtime` tells of."""
    lines = (line for line in importtime.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_importing_tritium_loads_nothing_else():
    code = "import sys; before = set(sys.modules); import tritium; print(set(sys.modules) - before)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "{'tritium'}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for others")
@pytest.mark.parametrize("data", ["new", "old"])
def test_a_server_that_has_answered_has_loaded_nothing_heavy(tmp_path, data):
    if data == "old":
        serve_once(tmp_path)
    packages = loaded(serve_once(tmp_path))
    assert {"tritium", "uvicorn", "sqlite3"} <= packages
    assert packages & HEAVY == set()


def serve_once(folder: Path) -> str:
    """Start it, ask it, end it; what it said of its imports."""
    config = folder / "serve.toml"
    config.write_text(f"data_dir = '{folder}'\nlocal = {{ detect_servers = false }}\n")
    options = ["serve", "--port", "0", "--config", str(config)]
    with (folder / "importtime").open("w") as said:
        command = [sys.executable, "-X", "importtime", "-m", "tritium", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
    with process:
        url = process.stdout.readline().split()[-1]
        body = json.dumps({"model": "scripted/say=hello", "messages": [{"role": "user", "content": "x"}]}).encode()
        request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert json.load(reply)["choices"][0]["message"]["content"] == "hello"
        process.terminate()
        assert process.wait(15) == 0
    return (folder / "importtime").read_text()


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("serve", {}),
        ("serve --port 0", {"port": 0}),
        (
            "serve --host ::1 --config a.toml --port 65535 --allow-public",
            {"host": "::1", "config": Path("a.toml"), "port": 65535, "allow_public": True},
        ),
    ],
)
def test_a_plain_start_needs_no_library_to_be_read(line, settings):
    assert plain_serve(line.split()) == settings


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ask serve",
        "--version serve",
        "serve --help",
        "serve --port",
        "serve --port 65536",
        "serve --port eight",
        "serve --port ²",
        "serve --port -1",
        "serve --port=8484",
        "serve --config --port",
        "serve --workers 2",
        "serve elsewhere",
    ],
)
def test_whatever_is_not_plain_is_left_to_the_library(line):
    assert plain_serve(line.split()) is None


def test_what_is_understood_plainly_is_what_the_library_would_understand():
    settings = plain_serve(["serve", "--host", "h", "--port", "1", "--config", "c", "--allow-public"])
    (serve,) = (each.callback for each in app.registered_commands if each.name == "serve")
    assert settings is not None
    assert (
        settings.keys() <= inspect.signature(run_server).parameters.keys() == inspect.signature(serve).parameters.keys()
    )


def test_a_mistake_is_explained_as_ever(tritium):
    result = tritium("serve", "--port", "65536")
    assert result.code == 2
    assert "65535" in result.err
