"""`tritium ask` as a program among programs: what goes where, what is refused, with which exit code."""

from __future__ import annotations

import json

import pytest

TWO = "scripted/say=Paris,scripted/say=Paris%20it%20is;delay=5"
MERGE = ("--judge", "scripted/judge=0", "--synthesizer", "scripted/say=It%20is%20Paris%2C%20on%20the%20Seine.")


def test_a_pipe_gets_the_answer_alone_and_the_receipt_is_said_beside_it(tritium):
    result = tritium("ask", "capital of France?", "--panel", TWO, "-s", "synthesize", *MERGE)
    assert result.code == 0
    assert result.out == "It is Paris, on the Seine.\n"
    assert "tokens" in result.err
    assert "best single say=Paris would have cost $0.000005" in result.err
    assert "gen-" in result.err


def test_quiet_says_nothing_beside_the_answer(tritium):
    result = tritium("ask", "hello", "--model", "scripted/echo", "--quiet")
    assert (result.out, result.err) == ("hello\n", "")


def test_json_is_one_document_with_everything_in_it(tritium):
    result = tritium("ask", "x", "--panel", TWO, "-s", "synthesize", *MERGE, "--json")
    run = json.loads(result.out)
    assert run["answer"] == "It is Paris, on the Seine."
    assert run["model"] == "tritium/fusion"
    assert run["id"].startswith("gen-")
    assert run["decision"]["how"] == "synthesis"
    assert set(run["analysis"]) >= {"consensus", "contradictions", "blind_spots"}
    fields = {"model", "provider", "outcome", "tokens", "cost_usd", "latency_ms", "text"}
    assert all(set(seat) >= fields for seat in run["seats"])
    assert [seat["text"] for seat in run["seats"]] == ["Paris", "Paris it is"]
    assert set(run["receipt"]) >= {"cost_usd", "best_single_cost_usd", "latency_ms"}


def test_a_plain_model_gives_the_same_document(tritium):
    run = json.loads(tritium("ask", "hello there", "--model", "scripted/echo", "--json").out)
    assert (run["answer"], run["model"], run["outcome"]) == ("hello there", "scripted/echo", "ok")
    assert [seat["text"] for seat in run["seats"]] == ["hello there"]
    assert run["receipt"]["cost_usd"] == run["seats"][0]["cost_usd"] == pytest.approx(0.000006)


def test_when_all_fail_the_document_says_how_and_the_exit_code_is_1(tritium):
    result = tritium("ask", "x", "--panel", "scripted/error=500,scripted/empty", "--json")
    assert result.code == 1
    run = json.loads(result.out)
    assert run["outcome"] == "failed"
    assert [seat["outcome"] for seat in run["seats"]] == ["failed", "failed"]
    assert result.err.startswith("tritium: error: None of the 2 seats answered")


def test_what_never_became_a_run_is_an_error_document(tritium):
    result = tritium("ask", "x", "--model", "scripted/error=500", "--json")
    assert result.code == 1
    assert "scripted error 500" in json.loads(result.out)["error"]["message"]


def test_an_answer_that_breaks_off_ends_its_line_and_fails(tritium):
    result = tritium("ask", "x", "--model", "scripted/words=9;die=2")
    assert (result.code, result.out) == (1, "the panel\n")
    assert "broke off" in result.err


def test_an_unknown_price_is_said_to_be_unknown(tritium):
    result = tritium("ask", "x", "--panel", "scripted/say=a;price=unknown,scripted/say=b")
    assert result.err.startswith("cost unknown")


def test_limits_reach_the_model(tritium):
    result = tritium("ask", "x", "--model", "scripted/words=9", "--max-tokens", "2")
    assert result.out == "the panel\n"


def test_system_text_is_sent_first(tritium):
    run = json.loads(tritium("ask", "hi", "--system", "Be brief.", "--model", "scripted/echo", "--json").out)
    assert run["request"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x", "--model", "tritium/fuson"], "Did you mean 'tritium/fusion'"),
        (["x", "--panel", "scripted/sai=a"], "Did you mean 'say'"),
        (["x", "--panel", " , "], "names no model"),
        (["x", "--panel", ",".join(["scripted/ok"] * 9)], "at most 8 seats"),
        (["x", "--model", "scripted/ok", "--panel", "scripted/ok"], "--panel can't be used with --model scripted/ok"),
        (["x", "--model", "scripted/ok", "--max-cost", "1"], "--max-cost can't be used"),
        (["x", "--panel", "scripted/ok", "--pack", "tiny"], "--pack and --panel"),
        (["x", "--panel", "scripted/ok", "--max-cost", "0"], "Raise the cap"),
        (["x", "--config", "nowhere.toml"], "'nowhere.toml' doesn't exist"),
        (["x", "--strategy", "vot"], "'vote'"),
        (["x", "--temperature", "3"], "--temperature"),
        (["x", "--modle", "y"], "--model"),
        ([], "There is no question"),
    ],
)
def test_a_wrong_request_is_explained_and_exits_with_2(tritium, arguments, words):
    result = tritium("ask", *arguments)
    assert result.code == 2
    assert words in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_a_wrong_configuration_is_explained_and_exits_with_2(tritium, tmp_path):
    (tmp_path / "wrong.toml").write_text("[server]\nprot = 1\n")
    result = tritium("ask", "x", "--config", str(tmp_path / "wrong.toml"))
    assert result.code == 2
    assert "Did you mean 'port'" in result.err


def test_where_models_are_forbidden_nothing_is_fetched(tritium, tmp_path):
    (tmp_path / "none.toml").write_text("[local]\nenabled = false\ndetect_servers = false\n")
    result = tritium("ask", "x", "--config", str(tmp_path / "none.toml"))
    assert result.code == 2
    assert "OPENAI_API_KEY" in result.err
    assert "local.enabled = false" in result.err


def test_a_named_panel_never_fetches_models(tritium, tmp_path):
    assert tritium("ask", "x", "--panel", "scripted/ok").code == 0
    assert not (tmp_path / "data" / "models").exists()


def test_a_panel_in_the_configuration_never_fetches_models(tritium, tmp_path):
    (tmp_path / "own.toml").write_text('[local]\ndetect_servers = false\n[fusion]\npanel = ["scripted/say=mine"]\n')
    result = tritium("ask", "x", "--config", str(tmp_path / "own.toml"))
    assert (result.code, result.out) == (0, "mine\n")


def test_without_anybody_to_ask_it_says_what_it_fetches_and_how_large(tritium):
    result = tritium("ask", "x")  # and, in a test, finds no registry
    assert result.code == 1
    assert result.out == ""
    assert "1.66 GB to download" in result.err
    assert "SmolLM2 135M Instruct" in result.err
    assert "--pack tiny" in result.err
