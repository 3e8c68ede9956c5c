"""What a Responses request becomes in chat, and what is refused, without a server."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.api.responses.fusion_item import analysis_object
from tritium.api.responses.request import Asked, read_request
from tritium.errors import InvalidRequest
from tritium.fusion.doors import read_doors


def read(**body) -> Asked:
    return read_request(json.dumps({"model": "a/one", "input": "Hi", **body}).encode())


def chat(**body):
    """The chat request's fields, but for those that every one has."""
    found = json.loads(msgspec.json.encode(read(**body).chat.fields))
    return {name: value for name, value in found.items() if name not in ("model", "stream")}


def messages(*items):
    return chat(input=list(items))["messages"]


USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "1"}
CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FUSION = {"type": "openrouter:fusion", "parameters": {}}
F = {"type": "function", "name": "f", "parameters": {"type": "object"}}
G = {"type": "function", "name": "g", "description": "G", "parameters": None, "strict": True}


# ---------------------------------------------------------------- input


def test_a_text_is_the_users_message():
    assert chat() == {"messages": [USER]}


def test_instructions_come_first_as_a_system_message():
    found = chat(instructions="Be brief.", input=[{"role": "developer", "content": "In Dutch."}, USER])

    assert [(each["role"], each["content"]) for each in found["messages"]] == [
        ("system", "Be brief."),
        ("developer", "In Dutch."),
        ("user", "Hi"),
    ]


def test_what_the_assistant_thinks_says_and_calls_in_one_turn_is_one_message():
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "gA",
        "format": "xai-responses-v1",
    }
    said = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
    }

    found = messages(USER, thought, said, CALL, {**CALL, "call_id": "c2"}, OUTPUT)

    detail = {"type": "reasoning.encrypted", "data": "gA", "format": "xai-responses-v1", "id": "rs_1", "index": 0}
    assert found == [
        USER,
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_details": [detail],
            "tool_calls": [CHAT_CALL, {**CHAT_CALL, "id": "c2"}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]


def test_turns_stay_apart_when_something_came_between_them():
    found = messages(USER, CALL, OUTPUT, CALL, OUTPUT, {"role": "assistant", "content": "Done."}, USER)

    assert [each["role"] for each in found] == ["user", "assistant", "tool", "assistant", "tool", "assistant", "user"]


def test_thoughts_belong_to_what_follows_them_or_else_to_what_they_follow():
    def thought(item_id):
        return {"type": "reasoning", "id": item_id, "summary": [{"type": "summary_text", "text": item_id}]}

    first, second = {"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"}
    found = messages(USER, thought("r1"), first, thought("r2"), second, thought("r3"), USER, thought("r4"))

    summaries = [[each["summary"] for each in message.get("reasoning_details", ())] for message in found]
    assert summaries == [[], ["r1"], ["r2", "r3"], []]


def test_a_thought_of_ours_goes_back_without_the_id_that_we_gave_it():
    content = [{"type": "reasoning_text", "text": "Mm."}]
    item = {"type": "reasoning", "id": "rs_gen-1-2_0", "summary": [], "content": content, "signature": "s"}
    item["format"] = "anthropic-claude-v1"

    found = messages(USER, item, CALL)

    detail = {"type": "reasoning.text", "text": "Mm.", "signature": "s", "format": "anthropic-claude-v1"}
    assert found[1]["reasoning_details"] == [{**detail, "id": None, "index": 0}]


def test_a_seal_that_was_broken_on_the_way_is_passed_over():
    thought = {"type": "reasoning", "id": "rs_gen-1-2_0", "summary": [], "encrypted_content": "tritium.%%%"}

    assert messages(USER, thought, CALL)[1] == {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}


def test_the_records_of_a_servers_own_tools_are_passed_over():
    fusion = {"type": "openrouter:fusion", "id": "st_1", "status": "completed"}

    assert messages(USER, fusion, {"role": "assistant", "content": "Final."}) == [
        USER,
        {"role": "assistant", "content": "Final."},
    ]


def test_parts_become_parts_of_chat():
    content = [
        {"type": "input_text", "text": "What?", "cache_control": {"type": "ephemeral"}},
        {"type": "input_image", "image_url": "https://example.org/1.png", "detail": "original"},
        {"type": "input_file", "file_url": "https://example.org/1.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_video", "video_url": "https://example.org/1.mp4"},
    ]

    assert messages({"role": "user", "content": content})[0]["content"] == [
        {"type": "text", "text": "What?", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/1.png", "detail": "high"}},
        {"type": "file", "file": {"file_data": "https://example.org/1.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/1.mp4"}},
    ]


def test_a_tools_output_may_hold_an_image():
    output = [{"type": "input_text", "text": "See"}, {"type": "input_image", "image_url": "data:image/png;base64,aa"}]

    found = messages(USER, CALL, {**OUTPUT, "output": output})

    assert [part["type"] for part in found[2]["content"]] == ["text", "image_url"]


# ---------------------------------------------------------------- tools and settings


def test_function_tools_are_nested_and_lose_what_is_null():
    found = chat(tools=[F, G], tool_choice={"type": "function", "name": "g"}, parallel_tool_calls=False)

    assert found["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "g", "strict": True, "description": "G"}},
    ]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "g"}}
    assert found["parallel_tool_calls"] is False


def test_of_the_allowed_tools_only_those_are_offered():
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    asked = read(tools=[F, G], tool_choice=choice)

    assert [tool["function"]["name"] for tool in asked.chat.body.tools or ()] == ["g"]
    assert asked.chat.body.tool_choice == "required"
    assert [tool["name"] for tool in asked.echo["tools"]] == ["f", "g"]
    assert asked.echo["tool_choice"] == choice


def test_without_tools_nothing_is_said_of_choosing_among_them():
    assert chat(tool_choice="auto", parallel_tool_calls=True) == {"messages": [USER]}


@pytest.mark.parametrize(
    ("text", "response_format"),
    [
        ({"format": {"type": "text"}}, None),
        ({"format": None}, None),
        ({"format": {"type": "json_object"}}, {"type": "json_object"}),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": None}},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        ),
    ],
)
def test_a_text_format_is_a_response_format(text, response_format):
    assert chat(text=text).get("response_format") == response_format


@pytest.mark.parametrize(
    ("reasoning", "fields"),
    [
        ({"effort": "high", "summary": "auto"}, {"reasoning_effort": "high"}),
        ({"max_tokens": 2000, "effort": None}, {"reasoning": {"max_tokens": 2000}}),
        ({"effort": "low", "exclude": True}, {"reasoning": {"effort": "low", "exclude": True}}),
        ({"summary": "auto"}, {}),
        (None, {}),
    ],
)
def test_an_effort_goes_by_the_name_that_all_providers_of_chat_know(reasoning, fields):
    assert chat(reasoning=reasoning) == {"messages": [USER], **fields}


def test_what_only_responses_know_is_not_passed_on_and_what_nobody_knows_is():
    found = chat(
        include=["reasoning.encrypted_content"],
        store=False,
        background=False,
        previous_response_id=None,
        truncation="auto",
        max_tool_calls=3,
        metadata={"a": "b"},
        stream_options={"include_obfuscation": False},
        service_tier="flex",
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        seed=1,
        vendor_field={"x": 1},
    )

    assert found == {
        "messages": [USER],
        "service_tier": "flex",
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "seed": 1,
        "vendor_field": {"x": 1},
    }


def test_openrouters_own_example_of_the_fusion_tool_is_read():
    parameters = {
        "analysis_models": ["a/one", "b/two"],
        "model": "c/judge",
        "max_completion_tokens": 8000,
        "reasoning": {"effort": "low"},
        "temperature": 0.7,
        "tools": [{"type": "openrouter:web_search", "parameters": {"max_results": 3}}],
    }

    asked = read(tools=[{"type": "openrouter:fusion", "parameters": parameters}, F])

    doors = read_doors(asked.chat)
    assert doors is not None
    assert doors.options == {
        "panel": [{"model": model, "temperature": 0.7, "max_tokens": 8000} for model in ("a/one", "b/two")],
        "judge": "c/judge",
        "max_tokens": 8000,
    }
    assert [tool["type"] for tool in asked.chat.body.tools] == ["function", "openrouter:fusion"]


def test_the_lowest_cost_limit_counts():
    rules = [{"type": "max_cost", "max_cost_in_dollars": cost} for cost in (0.5, 0.2)]

    stop = [*rules, {"type": "step_count_is", "step_count": 3}]

    asked = read(stop_server_tools_when=stop, tools=[FUSION], fusion={"quorum": 2})

    assert asked.chat.body.fusion == {"max_cost_usd": 0.2, "quorum": 2}
    assert read(stop_server_tools_when=stop).chat.body.fusion is None


def test_where_no_tool_may_be_called_the_fusion_is_not_offered():
    choice = {"type": "openrouter:fusion"}

    assert read(tools=[FUSION], tool_choice=choice, max_tool_calls=0).chat.body.tools is None
    assert read(tools=[FUSION], tool_choice=choice, max_tool_calls=1).chat.body.tools == [FUSION]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"store": True}, "store", "not kept"),
        ({"background": True}, "background", "stream"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "none are kept"),
        ({"conversation": "conv_1"}, "conversation", "none are kept"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "instructions"),
        ({"input": []}, "input", "empty"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "send the item itself"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type", "computer_call"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].image_url",
            "image_url",
        ),
        ({"tools": [{"type": "openrouter:web_search"}]}, "tools[0].type", "openrouter:web_search"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type", "mcp"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", "beside its type"),
        ({"tool_choice": {"type": "openrouter:fusion"}}, "tool_choice", "not in 'tools'"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type", "json_schema"),
        ({"max_output_tokens": 0}, "max_output_tokens", ">= 1"),
        ({"temperature": 3}, "temperature", "<= 2"),
        ({"model": None}, "model", "expected `str`"),
        (
            {"input": "x", "tools": [{"type": "openrouter:fusion", "parameters": {"modle": 1}}]},
            "tools[0].parameters",
            "modle",
        ),
        ({"tools": [F], "tool_choice": {"type": "function"}}, "tool_choice", "allowed_tools"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0]", "robot"),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content", "list of parts"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]", "input_text"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id", "call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]", "file_data"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema", "schema"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_field_and_a_way_out(body, param, says):
    with pytest.raises(InvalidRequest, match=says) as caught:
        read(**body)

    assert caught.value.param == param


_KINDS = ("message", "function_call", "function_call_output", "reasoning", "item_reference")
_NAMES = st.sampled_from(("role", "content", "type", "text", "summary", "call_id", "output", "name", "arguments", "id"))


def _nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), _nested, max_leaves=8))
def test_whatever_an_item_holds_it_is_read_or_refused(value):
    items = [{"type": kind, **value} for kind in _KINDS] if isinstance(value, dict) else [value]
    for item in items:
        with contextlib.suppress(InvalidRequest):
            read(input=[item])


# ---------------------------------------------------------------- a judge's analysis


def test_an_analysis_in_openrouters_shape_stays_as_it_is():
    analysis = {
        "consensus": ["x"],
        "contradictions": [{"topic": "t", "stances": [{"model": "a/one", "stance": "s"}]}],
        "partial_coverage": [{"models": ["a/one"], "point": "p"}],
        "unique_insights": [{"model": "a/one", "insight": "i"}],
        "blind_spots": ["b"],
    }

    assert analysis_object(analysis) == analysis


def test_what_a_judge_wrote_in_another_shape_is_kept_as_text():
    odd = {"consensus": [1], "contradictions": ["t"], "partial_coverage": [{"p": 1}], "unique_insights": ["i"]}

    assert analysis_object(odd) == {
        "consensus": ["1"],
        "contradictions": [{"topic": "t", "stances": []}],
        "partial_coverage": [{"models": [], "point": '{"p":1}'}],
        "unique_insights": [{"model": "", "insight": "i"}],
        "blind_spots": [],
    }
