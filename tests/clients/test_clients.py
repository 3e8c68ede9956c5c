"""Clients that people have, unchanged, against Tritium: each as its own users write it, at a pinned version."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent

ANSWER = {"text": "Paris is the capital of France."}
COST = 0.000_025
CITY = {"city": "Paris", "population": 2_100_000}

_CHAT = ("chat", "stream", "tools", "structured", "unknown_model", "wrong_key", "generation")
_OPENAI = (
    *("streamed_tools", "broken_stream", "models", "fusion"),
    *("responses", "streamed_responses", "responses_tools", "structured_responses"),
)
_OPENROUTER = ("openrouter_chat", "openrouter_stream", "openrouter_tools", "openrouter_unknown_model")
CLIENTS = {
    "openai_python": (*_CHAT, *_OPENAI, "streamed_fusion"),
    "openai_node": (*_CHAT, *_OPENAI),
    "anthropic": (*_CHAT, "streamed_tools", "broken_stream", "models", "fusion", "count_tokens"),
    "openrouter": (
        *(*_CHAT, "streamed_tools", "broken_stream", "models", "fusion", "responses", "streamed_responses"),
        *("catalogue", "account"),
    ),
    "openrouter_ai_sdk": (*_CHAT, "streamed_tools", "broken_stream", "models", "fusion", "streamed_structured"),
    "langchain": (
        *(*_CHAT, "models", "fusion", "responses", "structured_by_tool", *_OPENROUTER),
        *("openrouter_structured", "openrouter_generation"),
    ),
    "llama_index": (*_CHAT, "fusion", *_OPENROUTER),
    "llm": (*_CHAT, "fusion", "command"),
    "instructor": (
        *("chat", "structured", "structured_by_schema", "streamed_structured", "unknown_model", "generation"),
        "structured_fusion",
    ),
}
"""What each client's program does; what it sees is JSON, by the function's name."""

UNKNOWN_MODEL = {
    "openai_python": ("NotFoundError", 404),
    "openai_node": ("NotFoundError", 404),
    "anthropic": ("NotFoundError", 404),
    "openrouter": ("BadRequestResponseError", 400),
    "openrouter_ai_sdk": ("AI_APICallError", 400),
    "langchain": ("OpenAIModelNotFoundError", 404),
    "llama_index": ("NotFoundError", 404),
    "llm": ("NotFoundError", 404),
    "instructor": ("InstructorRetryException", None),
}
"""The client's own exception; OpenRouter answers 400 where OpenAI answers 404."""

pytestmark = pytest.mark.clients


def having(*features: str) -> pytest.MarkDecorator:
    found = [(client, each) for client, has in CLIENTS.items() for each in has if each in features]
    return pytest.mark.parametrize(("client", "feature"), found)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_program_does_what_is_said_here(report, client):
    assert set(report(client)) == set(CLIENTS[client])


def test_every_client_is_said_here():
    assert {each.parent.name for each in HERE.glob("*/client.*")} == set(CLIENTS)


@having("chat", "openrouter_chat", "responses")
def test_an_answer_comes_with_what_it_used(seen, client, feature):
    expected = {**ANSWER, "input": 11, "output": 7, "cost": COST}
    assert {"cost": COST, **seen(client, feature)} == expected


@having("stream", "openrouter_stream", "streamed_responses")
def test_a_stream_comes_in_pieces_and_with_what_it_used(seen, client, feature):
    expected = {**ANSWER, "pieces": 6, "output": 7, "cost": COST}
    assert {"cost": COST, **seen(client, feature)} == expected


@having("tools", "openrouter_tools", "responses_tools")
def test_a_tool_is_called_and_its_result_reaches_the_model(seen, client, feature):
    assert seen(client, feature) == {"called": [{"city": "Paris"}], "text": "The tool says: 21 degrees in Paris"}


@having("streamed_tools")
def test_a_streamed_call_is_whole_in_the_end(seen, client, feature):
    assert seen(client, feature) == {"name": "weather", "arguments": {"city": "Paris"}}


@having(
    *("structured", "structured_by_schema", "structured_by_tool", "structured_responses", "openrouter_structured"),
    *("streamed_structured", "structured_fusion"),
)
def test_an_object_is_what_was_asked_for(seen, client, feature):
    assert seen(client, feature) == CITY


@having("unknown_model", "openrouter_unknown_model")
def test_an_unknown_model_is_the_clients_own_exception_with_our_advice(seen, client, feature):
    failure = seen(client, feature)

    assert "vendor-x/atlas is not a valid model ID. Did you mean 'vendor/atlas'?" in failure["message"]
    if feature == "unknown_model":
        assert (failure["class"], failure.get("status")) == UNKNOWN_MODEL[client]
    else:
        assert failure["status"] == 400


@having("wrong_key")
def test_a_wrong_key_is_refused_as_such(seen, client, feature):
    failure = seen(client, feature)

    assert failure["status"] == 401
    assert "Nobody has this key here." in failure["message"]


@having("broken_stream")
def test_a_stream_that_breaks_is_told_and_what_came_before_is_kept(seen, client, feature):
    broken = seen(client, feature)

    assert broken["text"] == "one two"
    assert "scripted broke off after 2 tokens" in broken["message"]


@having("models")
def test_the_models_are_listed(seen, client, feature):
    assert {"vendor/atlas", "tritium/fusion", "openrouter/fusion"} <= set(seen(client, feature))


@having("generation", "openrouter_generation")
def test_the_generation_is_found_by_the_answers_id(seen, get, client, feature):
    found = seen(client, feature)
    if isinstance(found, str):  # a client that has no way to ask
        row = get(f"/api/v1/generation?id={found}")["data"]
        found = {"same": row["id"] == found, "model": row["model"]}
        found |= {"output": row["tokens_completion"], "cost": row["total_cost"]}

    assert found == {"same": True, "model": "vendor/atlas", "output": 7, "cost": COST}


@having("fusion", "streamed_fusion")
def test_a_fused_answer_is_an_answer_like_any_other(seen, client, feature):
    answer = {"text": "Paris, as most of them say.", "seats": 3}

    assert {"seats": 3, **seen(client, feature)} == answer


@having("count_tokens")
def test_tokens_are_counted(seen, client, feature):
    assert seen(client, feature) > 0


@having("command")
def test_a_question_on_the_command_line_is_answered(seen, client, feature):
    assert seen(client, feature) == ANSWER


@having("catalogue")
def test_the_catalogue_is_read_whole(seen, client, feature):
    assert seen(client, feature) == {
        "model": "openai/gpt-6.1-terra",
        "endpoints": ["openai"],
        "providers": ["openai", "vendor"],
        "as many as listed": True,
    }


@having("account")
def test_keys_are_managed(seen, client, feature):
    assert seen(client, feature) == {
        "label": "sk-tr-",
        "made": ["sk-tr-", "a team"],
        "renamed": ["the team", True],
        "read": "the team",
        "listed": True,
        "deleted": True,
        "spent": True,
        "active": True,
    }


@pytest.mark.parametrize("lock", sorted(HERE.glob("*/requirements.lock")), ids=lambda path: path.parent.name)
def test_a_python_clients_lock_pins_by_hash_and_names_no_place(lock):
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text("utf-8"), flags=re.MULTILINE)[1:]
    wanted = (lock.parent / "requirements.in").read_text("utf-8").split()

    assert set(wanted) <= {each.partition("==")[0] for each in entries}
    assert [each for each in entries if "--hash=sha256:" not in each or "://" in each] == []


@pytest.mark.parametrize("lock", sorted(HERE.glob("*/package-lock.json")), ids=lambda path: path.parent.name)
def test_a_node_clients_lock_pins_by_hash_and_names_no_place(lock):
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    packages.pop("")

    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert not any("resolved" in each for each in packages.values())
