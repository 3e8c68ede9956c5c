"""Requests keep what nobody here knows, answers are put together whole, and impossible numbers are not believed."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.chat import (
    ChatRequest,
    Choice,
    Chunk,
    Completion,
    Delta,
    FunctionCall,
    Message,
    ToolCall,
    Usage,
    collect,
    read_answer,
    text_chunk,
)
from tritium.errors import InvalidRequest

MESSAGES = b'[{"role":"user","content":"Hi"}]'


def body(**fields: bytes) -> bytes:
    """A request's JSON from pieces of JSON, so that a test decides about every byte."""
    pieces = {"model": b'"m"', "messages": MESSAGES, **fields}
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in pieces.items()) + b"}"


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(
    "value",
    [
        b"1.0e0",
        b"123456789012345678901234567890",
        b'{"a" : [ 1 ,2 ],  "a":3}',
        b'"\\u00e9\\/"',
        b"-0.0",
        b"1E400",
        '"é"'.encode(),
    ],
)
def test_an_unknown_field_survives_byte_for_byte(value):
    request = ChatRequest.decode(body(odd=value))

    assert b'"odd":' + value in request.encode()
    assert b'"odd":' + value in request.replace(model="other").encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KNOWN = {field.encode_name for field in msgspec.structs.fields(Message)} | {
    "model", "messages", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "stop", "seed",
    "tools", "tool_choice", "response_format", "stream_options", "logprobs", "reasoning_effort", "reasoning",
    "plugins", "fusion",
}  # fmt: skip


@given(st.dictionaries(st.text().filter(lambda name: name not in KNOWN), JSON, max_size=5))
def test_whatever_a_caller_adds_is_passed_on(extra):
    sent = {"model": "m", "messages": [{"role": "user", "content": "Hi", **extra}], **extra}

    received = json.loads(ChatRequest.decode(json.dumps(sent).encode()).encode())

    assert received == sent


def test_a_replaced_copy_leaves_the_original_alone():
    request = ChatRequest.decode(body(temperature=b"0.5", seed=b"7"))

    changed = request.replace(temperature=1.5, seed=None, max_tokens=9)

    assert (changed.body.temperature, changed.body.seed, changed.body.max_tokens) == (1.5, None, 9)
    assert (request.body.temperature, request.body.seed, request.body.max_tokens) == (0.5, 7, None)
    assert b"seed" not in changed.encode()
    assert request.encode() == body(temperature=b"0.5", seed=b"7")


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "n", "stream": True},
        {"stream": None, "max_tokens": 5, "max_completion_tokens": None},
        {"temperature": 0.5, "seed": 7, "fusion": None, "plugins": None, "stream_options": None},
        {"fusion": {"quorum": 2}, "stream": False},
        {"messages": [{"role": "user", "content": "Other"}], "stream": True},
    ],
)
def test_a_replaced_copy_reads_as_its_own_json_does(changes):
    request = ChatRequest.build("m", [{"role": "user", "content": "Hi"}], stream=True, max_tokens=3, fusion={"a": 1})

    copy = request.replace(**changes)
    read = ChatRequest.decode(copy.encode())

    assert copy.streaming == read.streaming
    assert copy.body == read.body


def test_encoding_with_changes_equals_encoding_a_replaced_copy():
    request = ChatRequest.decode(body(odd=b"1.0e0", seed=b"7"))
    changes = {"model": "other", "seed": None, "stop": ["x"], "absent": None}

    assert request.encode(**changes) == request.replace(**changes).encode()


def test_a_request_made_here_leaves_out_what_was_not_given():
    request = ChatRequest.build("m", [{"role": "user", "content": "Hi"}], temperature=None, seed=0)

    assert json.loads(request.encode()) == {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "seed": 0}


def test_the_newer_name_of_the_output_cap_comes_first():
    assert ChatRequest.decode(body(max_tokens=b"5")).output_limit == 5
    assert ChatRequest.decode(body(max_tokens=b"5", max_completion_tokens=b"6")).output_limit == 6
    assert ChatRequest.decode(body()).output_limit is None


def test_the_question_is_the_last_thing_the_user_said_and_the_rules_are_the_systems():
    parts = [{"type": "text", "text": "One"}, {"type": "file"}, {"type": "text", "text": "two"}]
    request = ChatRequest.build(
        "m",
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "First"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": parts},
            {"role": "developer", "content": "In French."},
            {"role": "assistant", "content": None},
        ],
    )

    assert request.question() == "One\ntwo"
    assert request.system_text() == "Be brief.\n\nIn French."


def test_a_conversation_without_a_user_asks_nothing():
    assert ChatRequest.build("m", [{"role": "system", "content": "Be brief."}]).question() == ""


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("data", "param", "message"),
    [
        pytest.param(data, param, message, id=message[:60])
        for data, param, message in (
            (body(top_p=b"1.5"), "top_p", "Invalid value at 'top_p': expected `float` <= 1.0."),
            (body(n=b"0"), "n", "Invalid value at 'n': expected `int` >= 1."),
            (body(n=b"129"), "n", "Invalid value at 'n': expected `int` <= 128."),
            (body(max_completion_tokens=b"1.5"), "max_completion_tokens", "expected `int | null`, got `float`"),
            (body(stop=b"[1]"), "stop[0]", "expected `str`, got `int`"),
            (body(tools=b"{}"), "tools", "expected `array | null`, got `object`"),
            (body(seed=b"1" * 5000), "seed", "out of range"),
            (body(messages=b'[{"content":"Hi"}]'), "messages[0]", "field 'role' is missing in 'messages[0]'."),
            (
                body(messages=b'[{"role":"user","content":[{"text":"Hi"}]}]'),
                "messages[0].content[0]",
                "The required field 'type' is missing in 'messages[0].content[0]'.",
            ),
            (b"{}", "model", "The required field 'model' is missing."),
            (body() + b"x", None, "not valid JSON: JSON is malformed: trailing characters"),
            (b'"model"', None, "expected `object`, got `str`"),
            (body()[:-1] + b',"\xff":1}', None, "not valid JSON: 'utf-8' codec can't decode byte 0xff"),
            (body(messages=b'[{"role":"user","content":"\xff"}]'), None, "not valid JSON: 'utf-8'"),
            (body(odd=DEEP), None, "The body is nested too deeply. Send flatter JSON."),
            (body(tool_choice=DEEP), None, "The body is nested too deeply."),
        )
    ],
)
def test_a_wrong_request_is_told_what_is_wrong_and_where(data, param, message):
    with pytest.raises(InvalidRequest) as caught:
        ChatRequest.decode(data)

    assert caught.value.param == param
    assert message in caught.value.message


@given(st.binary() | st.dictionaries(st.sampled_from(sorted(KNOWN)), JSON).map(lambda each: json.dumps(each).encode()))
def test_no_body_fails_in_another_way_than_with_a_message(data):
    with contextlib.suppress(InvalidRequest):
        assert json.loads(ChatRequest.decode(data).encode()) == json.loads(data)


# ---------------------------------------------------------------- answers


def said(*calls: ToolCall, index: int = 0) -> Chunk:
    return Chunk([Choice(index, Delta(tool_calls=list(calls)))])


def completed(*chunks: Chunk) -> Completion:
    completion = Completion()
    for chunk in chunks:
        completion.add(chunk)
    return completion


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4), st.data())
def test_calls_in_pieces_come_together_however_they_are_interleaved(one, two, data):
    chunks = [said(*(ToolCall(index, f"call_{index}", "function", FunctionCall(f"f{index}")) for index in (0, 1)))]
    left = {0: iter(one), 1: iter(two)}
    order = data.draw(st.permutations([0] * len(one) + [1] * len(two)))
    chunks += [said(ToolCall(index, function=FunctionCall(arguments=next(left[index])))) for index in order]

    calls = completed(*chunks).tool_calls

    assert [(each.id, each.function.name, each.function.arguments) for each in calls] == [
        ("call_0", "f0", "".join(one)),
        ("call_1", "f1", "".join(two)),
    ]


def test_a_call_without_an_index_is_a_call_of_its_own():
    whole = [ToolCall(id=f"call_{i}", function=FunctionCall("f", "{}")) for i in range(2)]

    calls = completed(said(whole[0]), said(whole[1])).tool_calls

    assert [each.id for each in calls] == ["call_0", "call_1"]
    assert [each.type for each in calls] == ["function", "function"]


def test_putting_calls_together_leaves_the_chunks_as_they_were():
    first = said(ToolCall(0, "call_0", "function", FunctionCall("f", "{")))

    completed(first, said(ToolCall(0, function=FunctionCall(arguments="}"))))

    assert first.choices[0].delta.tool_calls[0].function.arguments == "{"


def test_only_the_first_choice_becomes_the_completion():
    chunks = [Chunk([Choice(1, Delta(content="no"), "length"), Choice(0, Delta(content="yes"), "stop")])]

    assert (completed(*chunks).text, completed(*chunks).finish_reason) == ("yes", "stop")


def test_reasoning_is_read_under_both_of_its_names():
    completion = completed(
        Chunk([Choice(0, Delta(reasoning="a", reasoning_details=[{"n": 1}]))]),
        Chunk([Choice(0, Delta(reasoning_content="b", reasoning_details=[{"n": 2}]))]),
        Chunk([Choice(0, Delta(reasoning="c", reasoning_content="c"))]),  # a gateway that says it twice
    )

    assert completion.reasoning == "abc"
    assert completion.reasoning_details == [{"n": 1}, {"n": 2}]


async def test_the_last_usage_is_the_truth():
    async def chunks() -> Any:
        yield text_chunk("Hel", None, Usage(5, 1))
        yield text_chunk("lo", "stop")
        yield Chunk(usage=Usage(5, 2), model="m", provider="p")

    completion = await collect(chunks())

    assert completion.usage == Usage(5, 2)
    assert (completion.text, completion.finish_reason) == ("Hello", "stop")
    assert (completion.model, completion.provider) == ("m", "p")


def test_a_sum_of_usages_is_estimated_if_a_part_is_and_priced_only_if_all_are():
    known, estimated = Usage(1, 2, 3, 4, 5, Decimal("0.1")), Usage(1, 1, estimated=True)

    assert known + known == Usage(2, 4, 6, 8, 10, Decimal("0.2"))
    assert known + estimated == Usage(2, 3, 3, 4, 5, None, estimated=True)


# ---------------------------------------------------------------- the wire's answers


def usage_of(**fields: Any) -> Usage:
    chunk, _ = read_answer(json.dumps({"choices": [], "usage": fields}).encode(), complete=False)
    assert chunk.usage is not None
    return chunk.usage


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 30, "accepted_prediction_tokens": 0},
            },
            Usage(100, 50, cache_read=60, reasoning=30),
            id="openai",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "cost": 0.00014,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 20},
                "cost_details": {"upstream_inference_cost": None},
            },
            Usage(100, 50, cache_write=20, cost_usd=Decimal("0.00014")),
            id="openrouter",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 50, "prompt_cache_hit_tokens": 64},
            Usage(100, 50, cache_read=64),
            id="deepseek",
        ),
        pytest.param(
            {"prompt_tokens": 14, "completion_tokens": 5, "cost": {"request_cost": 0.005, "total_cost": 0.006}},
            Usage(14, 5),
            id="perplexity, whose cost is an object",
        ),
        pytest.param({"prompt_tokens": 12.0, "completion_tokens": 3.0}, Usage(12, 3), id="a gateway without integers"),
        pytest.param(
            {"prompt_tokens": 12, "completion_tokens": None, "prompt_tokens_details": None}, Usage(12), id="nulls"
        ),
        pytest.param({"prompt_tokens": 12, "queue_time": 0.1, "total_time": 0.2}, Usage(12), id="groq"),
        pytest.param({}, Usage(), id="nothing"),
    ],
)
def test_each_vendors_usage_is_read(fields, usage):
    assert usage_of(**fields) == usage


@pytest.mark.parametrize("count", [-1, 2**41, 10**30, 1e30, "12", True, [], {}])
def test_a_count_that_cannot_be_true_is_not_believed(count):
    details = {"cached_tokens": count, "cache_write_tokens": count}

    usage = usage_of(
        prompt_tokens=count,
        completion_tokens=7,
        prompt_tokens_details=details,
        completion_tokens_details={"reasoning_tokens": count},
    )

    assert usage == Usage(0, 7)


@pytest.mark.parametrize("cost", [-0.1, 1_000_001, 10**400, "NaN", "sNaN", "Infinity", "free", True, [1], ""])
def test_a_cost_that_cannot_be_true_is_unknown(cost):
    data = b'{"choices":[],"usage":{"prompt_tokens":1,"cost":%b}}' % json.dumps(cost).encode()
    try:
        chunk, _ = read_answer(data, complete=False)
    except msgspec.MsgspecError:
        assert cost == 10**400  # a number that JSON's readers refuse is no answer at all
    else:
        assert chunk.usage == Usage(1)


@pytest.mark.parametrize(("cost", "dollars"), [(0, "0"), (0.1, "0.1"), ("0.0000001", "1E-7"), (1e-9, "1E-9")])
def test_a_cost_is_kept_as_it_was_written(cost, dollars):
    assert usage_of(cost=cost).cost_usd == Decimal(dollars)


def test_a_whole_answer_is_read_from_message_and_a_piece_from_delta():
    whole, _ = read_answer(b'{"model":"v","choices":[{"index":0,"message":{"content":"Hi"}}]}', complete=True)
    piece, _ = read_answer(b'{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}', complete=False)

    assert (whole.text, whole.complete, whole.model) == ("Hi", True, "v")
    assert (piece.text, piece.complete, piece.finish_reason) == ("Hi", False, "stop")
    assert whole.raw == b'{"model":"v","choices":[{"index":0,"message":{"content":"Hi"}}]}'


def test_an_error_inside_an_answer_is_handed_back():
    chunk, error = read_answer(b'{"error":{"message":"no","code":429}}', complete=False)

    assert (chunk.choices, chunk.text, chunk.finish_reason) == ([], "", None)
    assert error == {"message": "no", "code": 429}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"choices":7}',
        b'{"choices":[{"index":0,"delta":{"content":"\xff"}}]}',
        b'{"odd":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_what_is_no_answer_fails_in_one_way(data):
    with pytest.raises(msgspec.MsgspecError):
        read_answer(data, complete=False)


def test_a_prompts_size_is_that_of_its_tools_as_well():
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * 3000}}]
    plain = ChatRequest.build("m", [{"role": "user", "content": "?"}])

    assert plain.replace(tools=tools).prompt_bytes > plain.prompt_bytes + 3000
