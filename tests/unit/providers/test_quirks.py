"""What goes over the wire to each vendor, by its row: nothing that it is documented to answer with a 400."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.config import Config, parse_config
from tritium.errors import ConfigError
from tritium.providers.model_rules import nearest
from tritium.providers.openai import OpenAIFormat
from tritium.providers.registry import vendors

ROWS = vendors(Config(), {})
QUESTION = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "frequency_penalty": 1}
PROBABILITIES = {"logprobs": True, "top_logprobs": 2, "logit_bias": {"1": 2}}
EXTENDED = {"top_k": 5, "top_a": 0.1, "min_p": 0.1, "repetition_penalty": 1.1}
CALL = {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LOOP = [
    *QUESTION,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
]


def sent(row: str, model: str, **fields: Any) -> dict[str, Any]:
    """The body without what is always there."""
    request = ChatRequest.build("ours", fields.pop("messages", QUESTION), **fields)
    wire = OpenAIFormat(ROWS[row].quirks).to_wire(request, model, streaming=True, key="k")
    body = json.loads(wire.body)
    assert body.pop("model") == model
    assert body.pop("stream") is True
    body.pop("stream_options", None)
    if body["messages"] == QUESTION:
        del body["messages"]
    return body


@pytest.mark.parametrize("row", ["openai", "azure"])
@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.6-luna", "gpt-6.1-sol"])
def test_openais_models_that_always_think_are_sent_no_sampling_and_the_cap_by_its_new_name(
    row: str, model: str
) -> None:
    assert sent(row, model, **SAMPLING, **PROBABILITIES, max_tokens=9, seed=1) == {
        "max_completion_tokens": 9,
        "seed": 1,
    }


@pytest.mark.parametrize(
    "model", ["gpt-4.1", "gpt-4o-mini", "gpt-5-chat-latest", "gpt-5.2-chat-latest", "my-deployment"]
)
def test_openais_other_models_are_sent_all_of_it(model: str) -> None:
    assert sent("openai", model, **SAMPLING, **PROBABILITIES) == {**SAMPLING, **PROBABILITIES}


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-5.2", "gpt-5.4-mini"])
def test_models_that_needn_t_think_are_sent_sampling_while_they_don_t(model: str) -> None:
    assert sent("openai", model, **SAMPLING) == SAMPLING
    assert sent("openai", model, **SAMPLING, reasoning_effort="none") == {**SAMPLING, "reasoning_effort": "none"}
    assert sent("openai", model, **SAMPLING, reasoning_effort="low") == {"reasoning_effort": "low"}


@pytest.mark.parametrize("row", ["openai", "azure", "groq", "mistral"])
def test_samplers_that_openai_doesn_t_have_are_not_sent_to_those_who_refuse_what_they_don_t_know(row: str) -> None:
    assert sent(row, "gpt-4.1", **EXTENDED) == {}


@pytest.mark.parametrize(
    ("row", "model", "asked", "told"),
    [
        ("openai", "o3", "minimal", "low"),
        ("openai", "o3", "max", "high"),
        ("openai", "o3", "none", "low"),
        ("openai", "gpt-5-mini", "none", "minimal"),
        ("openai", "gpt-5.1", "minimal", "low"),
        ("openai", "gpt-5.1", "xhigh", "high"),
        ("openai", "gpt-5.6-sol", "max", "xhigh"),
        ("openai", "gpt-6.1-sol", "none", "low"),
        ("openai", "gpt-6.1-terra", "none", "none"),
        ("openai", "gpt-7", "minimal", "minimal"),
        ("groq", "openai/gpt-oss-120b", "xhigh", "high"),
        ("groq", "qwen/qwen3.8-27b", "high", None),
        ("cerebras", "gpt-oss-120b", "minimal", "low"),
        ("moonshot", "kimi-k3.1-pro", "medium", "high"),
        ("moonshot", "kimi-k3", "none", "low"),
        ("moonshot", "kimi-k2.6", "high", None),
        ("xai", "grok-4.20-reasoning", "high", None),
        ("xai", "grok-4.7", "high", "high"),
        ("deepseek", "deepseek-v4-pro", "medium", "medium"),
    ],
)
def test_an_effort_is_one_that_the_model_knows(row: str, model: str, asked: str, told: str | None) -> None:
    expected = {} if told is None else {"reasoning_effort": told}

    assert sent(row, model, reasoning_effort=asked) == expected
    if row == "openai" and model != "gpt-7":
        assert sent(row, model, reasoning={"effort": asked}) == expected


def test_a_budget_of_thoughts_is_an_effort() -> None:
    asked = {"reasoning": {"max_tokens": 800}, "max_tokens": 1000}

    assert sent("openai", "o3", **asked) == {"reasoning_effort": "high", "max_completion_tokens": 1000}
    assert sent("openai", "o3", reasoning={"enabled": True}) == {"reasoning_effort": "medium"}
    assert sent("openai", "o3") == {}


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        ("gpt-5.4", None, "none"),
        ("gpt-5.6-terra", "high", "none"),
        ("gpt-6.1-terra", None, "none"),
        ("gpt-5.1", "high", "high"),
        ("gpt-6.1-sol", None, None),
    ],
)
def test_models_that_take_tools_only_without_thinking_are_told_not_to_think(
    model: str, asked: str | None, told: str | None
) -> None:
    body = sent("openai", model, tools=TOOLS, reasoning_effort=asked)

    assert body == {"tools": TOOLS, **({} if told is None else {"reasoning_effort": told})}
    assert "reasoning_effort" not in sent("openai", model, tools=[])


def test_deepseek_is_told_not_to_think_by_its_switch_and_gets_thoughts_before_every_call() -> None:
    assert sent("deepseek", "deepseek-v4-pro", reasoning={"enabled": False}) == {"thinking": {"type": "disabled"}}
    assert sent("deepseek", "deepseek-v4-pro", reasoning_effort="none") == {"thinking": {"type": "disabled"}}

    messages = sent("deepseek", "deepseek-v4-pro", messages=LOOP)["messages"]

    assert messages == [LOOP[0], {**LOOP[1], "reasoning_content": " "}, LOOP[2]]


def test_mistral_gets_its_own_names_and_ids_of_nine_letters() -> None:
    messages = [{**LOOP[0], "name": "ann"}, *LOOP[1:]]

    body = sent("mistral", "mistral-large-4", messages=messages, seed=7, max_completion_tokens=9, user="u", store=True)

    (call,) = body["messages"][1]["tool_calls"]
    assert len(call["id"]) == 9
    assert call["id"].isalnum()
    assert body == {
        "random_seed": 7,
        "max_tokens": 9,
        "messages": [
            QUESTION[0],
            {**LOOP[1], "tool_calls": [{**CALL, "id": call["id"]}]},
            {**LOOP[2], "tool_call_id": call["id"]},
        ],
    }


def test_groq_gets_no_names_and_no_probabilities() -> None:
    messages = [{"role": "user", "content": "Hi", "name": "ann"}]

    assert sent("groq", "openai/gpt-oss-120b", messages=messages, temperature=0, **PROBABILITIES) == {"temperature": 0}


def test_grok_gets_no_penalties_and_stops_only_where_it_doesn_t_reason() -> None:
    given = {"presence_penalty": 1, "frequency_penalty": 1, "stop": ["x"], "temperature": 0.5}

    assert sent("xai", "grok-4.7", **given) == {"temperature": 0.5}
    assert sent("xai", "grok-4.20-0309-non-reasoning", **given) == {"stop": ["x"], "temperature": 0.5}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", None),
        ({"type": "function", "function": {"name": "f"}}, None),
    ],
)
def test_kimi_is_never_forced_and_samples_as_it_does(choice: Any, told: str | None) -> None:
    body = sent("moonshot", "kimi-k3.1-pro", tools=TOOLS, tool_choice=choice, **SAMPLING, max_tokens=9)

    assert body == {"tools": TOOLS, "max_completion_tokens": 9, **({} if told is None else {"tool_choice": told})}


def test_perplexity_gets_turns_that_alternate_and_end_with_the_user() -> None:
    given = [
        {"role": "system", "content": "A"},
        {"role": "user", "content": "One"},
        {"role": "user", "content": "Two"},
        {"role": "system", "content": "B"},
        {"role": "assistant", "content": "Three"},
    ]

    assert sent("perplexity", "sonar-pro", messages=given)["messages"] == [
        {"role": "system", "content": "A\n\nB"},
        {"role": "user", "content": "One\n\nTwo"},
        {"role": "assistant", "content": "Three"},
        {"role": "user", "content": "Continue exactly where your last message stops."},
    ]


@pytest.mark.parametrize("row", sorted(name for name, row in ROWS.items() if row.format == "openai"))
def test_a_plain_request_keeps_its_messages_byte_for_byte_whoever_gets_it(row: str) -> None:
    data = b'{"model":"m","messages":[ {"role":"user", "content":"Hi"} ],"temperature":1.0e0}'

    body = OpenAIFormat(ROWS[row].quirks).to_wire(ChatRequest.decode(data), "any", streaming=False, key=None).body

    assert b'"messages":[ {"role":"user", "content":"Hi"} ]' in body
    assert b'"temperature":1.0e0' in body


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.quirks.models], ids=lambda row: row.name)
def test_patterns_are_written_as_names_are_compared(row: Any) -> None:
    for each in row.quirks.models:
        assert each.models
        assert all(pattern == pattern.lower() for pattern in (*each.models, *each.but))


def test_the_nearest_effort_is_the_greater_of_two() -> None:
    assert nearest("minimal", ("none", "low")) == "low"
    assert nearest("medium", ("low", "high", "max")) == "high"
    assert nearest("max", ("low", "high")) == "high"


# ---------------------------------------------------------------- a user's own


def test_a_users_quirks_are_laid_over_the_rows() -> None:
    own = {"providers": {"mistral": {"quirks": {"call_id_length": None, "alternate": True}}}}

    quirks = vendors(parse_config(own), {})["mistral"].quirks

    assert (quirks.call_id_length, quirks.alternate, quirks.names) == (None, True, False)
    assert quirks.rename == {"seed": "random_seed"}


def test_a_quirk_that_there_is_not_is_refused_by_name() -> None:
    own = {"providers": {"mine": {"base_url": "http://h/v1", "quirks": {"alternates": True}}}}

    with pytest.raises(ConfigError, match=r"providers\.mine\.quirks has no key 'alternates'.*'alternate'"):
        vendors(parse_config(own), {})


def test_azures_older_api_has_a_path_by_deployment_a_version_and_a_header_of_its_own() -> None:
    own = {
        "base_url": "https://mine.openai.azure.com/openai",
        "quirks": {
            "path": "/deployments/{model}/chat/completions?api-version=2024-10-21",
            "key_header": "api-key",
        },
    }
    row = vendors(parse_config({"providers": {"azure": own}}), {})["azure"]

    wire = OpenAIFormat(row.quirks).to_wire(
        ChatRequest.build("m", QUESTION, max_tokens=5), "my/gpt 4", streaming=False, key="k"
    )

    assert wire.path == "/deployments/my%2Fgpt%204/chat/completions?api-version=2024-10-21"
    assert wire.headers == ((b"api-key", b"k"),)
    assert json.loads(wire.body)["max_completion_tokens"] == 5
