"""Answers in the wire's shape: what the model gave stays as it was, ours is only what must be."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tritium.api.completion import Shape, dollars, usage_object
from tritium.chat import Choice, Chunk, Completion, Delta, FunctionCall, ToolCall, Usage, text_chunk
from tritium.gateway import Account
from tritium.model import Generation


def row(cost: int | None = 1500, **usage: Any) -> Generation:
    return Generation(
        "gen-1", "gen-1", "acme/m", "acme", "solo", 1.0, Usage(**usage), cost, "ok", "stop", False, None, 1.0
    )


@pytest.fixture
def account(kept) -> Account:
    account = Account(kept)
    account.generation(row(input=10, output=20, cache_read=4, cache_write=2, reasoning=5))
    return account


@pytest.fixture
def shape() -> Shape:
    return Shape("gen-1", "asked/model")


def document(event: bytes | None) -> dict[str, Any]:
    assert event is not None
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    return json.loads(event[6:])


USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "total_tokens": 30,
    "cost": 1.5e-6,
    "is_byok": True,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 5},
    "cost_details": {"upstream_inference_cost": 1.5e-6},
}


def test_a_whole_answer_is_one_that_openais_sdk_reads(shape, account):
    made = Completion("Hi", "thought", [{"type": "x"}], [], "length", None, "acme/m", "acme")

    body = shape.completion(made, account, {"run": "gen-1"})

    found = ChatCompletion.model_validate_json(body)
    assert (found.id, found.object, found.model) == ("gen-1", "chat.completion", "acme/m")
    assert (found.choices[0].message.content, found.choices[0].finish_reason) == ("Hi", "length")
    extra = json.loads(body)
    assert extra["usage"] == USAGE
    assert extra["fusion"] == {"run": "gen-1"}
    assert extra["choices"][0]["message"]["reasoning"] == "thought"
    assert extra["choices"][0]["message"]["reasoning_details"] == [{"type": "x"}]
    assert extra["provider"] == "acme"


def test_an_answer_of_nothing_but_calls_has_no_content(shape, account):
    calls = [ToolCall(0, "call_1", "function", FunctionCall("f", "{}"))]

    (choice,) = json.loads(shape.completion(Completion(tool_calls=calls), account, None))["choices"]

    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert "reasoning" not in choice["message"]


def test_a_providers_own_answer_keeps_every_field_that_is_not_ours(shape, account):
    raw = b'{"id":"theirs","model":"m-2026","odd":1.0e0,"choices":[{ "index":0,"logprobs":null }],"usage":{"x":1}}'

    body = shape.passed_through(Chunk(raw=raw, model="acme/m", provider="acme"), account, None)

    assert b'"odd":1.0e0' in body
    assert b'"choices":[{ "index":0,"logprobs":null }]' in body
    found = json.loads(body)
    assert (found["id"], found["model"], found["provider"]) == ("gen-1", "acme/m", "acme")
    assert found["usage"] == USAGE
    assert "fusion" not in found


def test_a_providers_own_chunk_keeps_its_choices_and_loses_its_usage(shape):
    raw = b'{"id":"x","choices":[{"index":0,"delta":{"content":"Hi","odd":[ 1]}}],"usage":{"x":1},"more":1.0e0}'

    event = shape.chunk(Chunk([Choice(0, Delta(content="Hi"))], raw=raw, model="acme/m", provider="acme"))

    assert b'"delta":{"content":"Hi","odd":[ 1]}' in event
    assert b'"more":1.0e0' in event
    found = document(event)
    assert (found["id"], found["object"], "usage" in found) == ("gen-1", "chat.completion.chunk", False)


@pytest.mark.parametrize("raw", [None, b'{"choices":[],"usage":{"prompt_tokens":1}}'])
def test_a_chunk_without_a_choice_is_nothing_for_the_caller(shape, raw):
    assert shape.chunk(Chunk(usage=Usage(1), raw=raw)) is None


def test_the_first_chunk_says_who_speaks_and_only_the_first(shape):
    first, second = (document(shape.chunk(text_chunk(text))) for text in ("Hel", "lo"))

    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None, "logprobs": None}
    ]
    assert second["choices"][0]["delta"] == {"content": "lo"}
    assert ChatCompletionChunk.model_validate(first).choices[0].delta.role == "assistant"


def test_the_models_name_is_the_last_one_known(shape, account):
    names = [document(event)["model"] for event in (
        shape.progress({"type": "plan"}),
        shape.chunk(Chunk([Choice()], model="acme/m")),
        shape.chunk(text_chunk("x")),
        shape.usage(account, None),
    )]  # fmt: skip

    assert names == ["asked/model", "acme/m", "acme/m", "acme/m"]


def test_progress_is_a_chunk_that_says_nothing(shape):
    found = document(shape.progress({"type": "seat.delta", "text": "line\nline"}))

    assert found["choices"] == [{"index": 0, "delta": {}, "finish_reason": None, "logprobs": None}]
    assert found["fusion"] == {"type": "seat.delta", "text": "line\nline"}
    assert ChatCompletionChunk.model_validate(found).choices[0].delta.content is None


def test_usage_comes_on_a_chunk_of_its_own_or_on_one_that_is_ready(shape, account):
    alone = document(shape.usage(account, {"run": "gen-1"}))
    ready = shape.chunk(text_chunk("", "stop"))
    riding = document(shape.with_usage(ready, account, None))

    assert (alone["choices"], alone["usage"], alone["fusion"]) == ([], USAGE, {"run": "gen-1"})
    assert riding == {**document(ready), "usage": USAGE}


def test_a_failure_in_the_middle_ends_the_choice(shape):
    found = document(shape.failure({"message": "no", "code": 502}))

    assert found["error"] == {"message": "no", "code": 502}
    assert found["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]


def test_an_unknown_cost_is_null_and_a_known_zero_is_zero(kept):
    unknown, free = Account(kept), Account(kept)
    unknown.generation(row(None))
    free.generation(row(0))

    assert usage_object(unknown)["cost"] is None
    assert usage_object(free)["cost"] == 0
    assert usage_object(Account(kept))["cost"] == 0


@given(st.integers(0, 10**18))
def test_a_cost_is_written_exactly(nanodollars):
    shape, account = Shape("gen-1", "m"), Account(_Nobody())
    account.generation(row(nanodollars))

    found = json.loads(shape.usage(account, None)[6:], parse_float=Decimal, parse_int=Decimal)

    assert found["usage"]["cost"] == Decimal(nanodollars).scaleb(-9) == dollars(nanodollars)


class _Nobody:
    def generation(self, row: Generation) -> None:
        pass

    def run(self, *_: Any) -> None:
        pass
