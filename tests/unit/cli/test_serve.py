"""`tritium serve` as a process: it comes up, answers, and goes down when told."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


@pytest.fixture
def server():
    command = [sys.executable, "-m", "tritium", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for others")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_leaves_with_0_when_told(server, told):
    said = ""
    while "Ctrl-C stops it." not in said:
        line = server.stdout.readline()
        assert line, server.stderr.read()
        said += line
    url = said.split()[3]
    body = json.dumps({"model": "scripted/say=hello", "messages": [{"role": "user", "content": "x"}]}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert json.load(reply)["choices"][0]["message"]["content"] == "hello"
        assert "server" not in reply.headers
    assert "tritium models install full" in said
    server.send_signal(told)
    assert server.wait(15) == 0
    assert server.stderr.read() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets another process look")
def test_as_many_files_may_be_open_as_the_system_lets_us():
    command = ["sh", "-c", 'ulimit -Sn 256; exec "$0" "$@"', sys.executable, "-m", "tritium", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        soft, most = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        process.kill()
    assert soft in (most, 65_536)


def test_a_taken_port_is_said_at_once_with_another_one(tritium):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = tritium("serve", "--port", str(port))
    assert result.code == 1
    assert f"127.0.0.1:{port}" in result.err
    assert f"--port {port + 1}" in result.err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_others_are_not_let_in_without_saying_so(tritium, host):
    result = tritium("serve", "--host", host)
    assert result.code == 2
    assert "--allow-public" in result.err
    assert "money" in result.err


def test_an_address_that_is_not_ours_is_explained(tritium):
    result = tritium("serve", "--host", "192.0.2.7", "--allow-public")
    assert result.code == 1
    assert "Can't listen on 192.0.2.7" in result.err
