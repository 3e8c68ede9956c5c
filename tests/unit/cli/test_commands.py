"""The smaller commands: models, runs, doctor, and the command line itself."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from typing import get_args

import pytest

from tritium import __version__
from tritium.cli import figures, options
from tritium.cli.terminal import plain
from tritium.fusion.options import Strategy
from tritium.providers.local.packs import embedded_models


def test_help_is_instant_and_names_every_command(tritium):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([sys.executable, "-m", "tritium", "--help"], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in ("ask", "chat", "serve", "models", "runs", "keys", "doctor", "--install-completion", "--version"):
        assert command in said.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1  # 0.15 s on a quiet machine


def test_help_imports_nothing_heavy():
    code = "import sys, tritium.cli.commands; print({'rich', 'msgspec', 'uvicorn', 'asyncio'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_the_version_is_the_package_version(tritium):
    assert tritium("--version").out == f"tritium {__version__}\n"


def test_a_mistyped_command_is_suggested(tritium):
    result = tritium("akk")
    assert result.code == 2
    assert "Did you mean 'ask'" in result.err


def test_every_command_has_help(tritium):
    for command in (
        ["ask"],
        ["chat"],
        ["serve"],
        ["models", "install"],
        ["runs", "show"],
        ["keys", "create"],
        ["doctor"],
    ):
        result = tritium(*command, "--help")
        assert result.code == 0
        assert result.out.startswith("Usage: tritium")


def test_the_choices_are_those_of_the_fusion_and_the_manifest():
    assert get_args(options.Strategy) == get_args(Strategy)
    assert get_args(options.Pack) == tuple(embedded_models().packs)


def test_a_reader_who_leaves_is_no_error(tmp_path):
    command = [sys.executable, "-m", "tritium", "ask", "x", "--model", "scripted/words=200000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""


# ---------------------------------------------------------------- models


def test_models_lists_what_can_be_asked(tritium):
    result = tritium("models")
    assert result.code == 0
    assert re.search(r"^id +maker +in +out +context +where *$", result.out, re.MULTILINE)
    assert "tritium/fusion" in result.out
    assert json.loads(tritium("models", "--json").out)[0]["id"] == "tritium/fusion"


def test_models_shows_prices_as_configured_and_unknown_ones_as_unknown(tritium, tmp_path):
    (tmp_path / "own.toml").write_text(
        '[local]\ndetect_servers = false\n[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\nmodels = ["a", "b"]\n'
        '[prices."mine/a"]\ninput = 0.15\noutput = 2\n'
    )
    lines = tritium("models", "--config", str(tmp_path / "own.toml")).out.splitlines()
    assert next(line for line in lines if "mine/a" in line).split()[2:4] == ["0.15", "2.00"]
    assert next(line for line in lines if "mine/b" in line).split()[2:4] == ["?", "?"]


def test_a_gguf_file_is_registered_listed_and_forgotten(tritium, tmp_path):
    (tmp_path / "own.gguf").write_bytes(b"GGUF and so on")
    assert tritium("models", "install", str(tmp_path / "own.gguf")).code == 0
    listed = tritium("models", "list")
    assert "local/own" in listed.out
    assert [each["id"] for each in json.loads(tritium("models", "list", "--json").out)] == ["own"]
    assert tritium("models", "remove", "local/own").code == 0
    assert tritium("models", "list").out == ""
    assert (tmp_path / "own.gguf").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["install", "smal"], "'small'"),
        (["install", "gone.gguf"], "can't be read"),
        (["remove", "nobody"], "no model 'nobody'"),
    ],
)
def test_a_wrong_model_is_explained_and_exits_with_2(tritium, arguments, words):
    result = tritium("models", *arguments)
    assert result.code == 2
    assert words in result.err


# ---------------------------------------------------------------- runs


@pytest.fixture
def asked(tritium):
    panel = "scripted/say=Paris,scripted/say=Paris%20it%20is,scripted/error=503"
    bench = ("--judge", "scripted/judge=0", "--synthesizer", "scripted/say=It%20is%20Paris%2C%20surely.")
    return json.loads(tritium("ask", "capital?", "--panel", panel, "-s", "synthesize", *bench, "--json").out)


def test_runs_lists_the_newest_and_keeps_rows_whole_in_a_pipe(tritium, asked):
    result = tritium("runs")
    assert asked["id"] in result.out
    assert "It is Paris, surely." in result.out
    (line,) = json.loads(tritium("runs", "--json").out)
    assert (line["id"], line["outcome"]) == (asked["id"], "ok")
    assert line["cost_usd"] == pytest.approx(asked["receipt"]["cost_usd"])


def test_a_run_is_shown_whole_by_the_start_of_its_id(tritium, asked):
    result = tritium("runs", "show", asked["id"][:-3])
    for part in ("capital?", "synthesis was asked for", "seat 3", "503", "They agree", "It is Paris, surely.", "judge"):
        assert part in result.out
    assert max(map(len, result.out.splitlines())) <= 120
    assert json.loads(tritium("runs", "show", "--json").out) == asked


def test_runs_are_listed_by_what_they_are(tritium, asked):
    for words in (["--outcome", "ok"], ["--strategy", "synthesize"], ["--model", "tritium/fusion"]):
        assert asked["id"] in tritium("runs", "list", *words).out
    for words in (["--outcome", "lost"], ["--replay-of", asked["id"]], ["--shadow-of", asked["id"]]):
        assert tritium("runs", "list", *words).out == ""


def test_a_run_is_decided_anew_and_says_of_which_it_is_a_replay(tritium, asked):
    result = tritium("runs", "replay", asked["id"][:-3], "-s", "consensus")
    assert result.code == 0
    assert result.out.startswith("Paris")
    run = json.loads(tritium("runs", "show", "--json").out)
    assert (run["replay_of"], run["decision"]["strategy"], run["receipt"]["cost_usd"]) == (asked["id"], "consensus", 0)
    assert f"replay of {asked['id']}" in tritium("runs", "show").out
    again = json.loads(tritium("runs", "replay", asked["id"], "--judge", "scripted/judge=1", "--json").out)
    assert again["decision"]["how"] == "judge_select"
    assert tritium("runs", "replay", "gen-1").code == 2


def test_watching_where_nobody_serves_says_so(tritium):
    result = tritium("runs", "watch", "gen-1", "--url", "http://127.0.0.1:1")
    assert result.code == 1
    assert "Is `tritium serve` running?" in result.err


def test_runs_that_are_not_there_are_said_not_to_be(tritium):
    assert tritium("runs").code == 0
    assert tritium("runs", "show").code == 2
    assert tritium("runs", "show", "gen-1").code == 2


def test_a_file_that_is_no_database_is_an_error_of_its_own(tritium, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tritium.db").write_bytes(b"not a database at all, and long enough to be read as one" * 50)
    result = tritium("runs")
    assert result.code == 1
    assert "tritium.db" in result.err
    assert "Traceback" not in result.err


# ---------------------------------------------------------------- doctor


def test_doctor_fails_where_nobody_can_answer_and_says_what_to_do(tritium):
    result = tritium("doctor")
    assert result.code == 1
    assert "OPENAI_API_KEY is not set" in result.out
    assert "tritium models install full" in result.out


def test_doctor_is_content_with_a_key_and_never_shows_it(tritium, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    result = tritium("doctor")
    assert result.code == 0
    assert "OPENAI_API_KEY is set" in result.out
    assert "Ready. tritium/fusion asks openai/" in result.out
    assert "very-secret" not in result.out + result.err + tritium("doctor", "--json").out


def test_doctor_reports_a_broken_configuration_as_a_finding(tritium, tmp_path):
    (tmp_path / "wrong.toml").write_text('[models."a"]\nkind = "alias"\ntarget = "a"\n')
    result = tritium("doctor", "--config", str(tmp_path / "wrong.toml"), "--json")
    found = json.loads(result.out)
    assert result.code == 1
    assert not found["ok"]
    assert any("circle" in check["detail"] for check in found["checks"] if check["state"] == "wrong")


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "cost unknown"), (0, "$0"), (1.2e-5, "$0.000012"), (1e-6, "$0.000001"), (0.034, "$0.034"), (0.5, "$0.5"),
     (0.999, "$1.00"), (1.2, "$1.20"), (1234.5, "$1,234.50")],
)  # fmt: skip
def test_money_keeps_two_significant_digits(amount, text):
    assert figures.dollars(amount) == text


def test_control_characters_do_not_survive():
    assert plain("a\x1b[31mb\x07\x9bc\r\n\td\u202e") == "a[31mbc\n\td"
