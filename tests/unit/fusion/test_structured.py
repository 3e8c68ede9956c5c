"""Answers in a caller's schema: what is not valid is dropped, voted out or mended, and never reaches the caller."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritium.chat import ChatRequest, Completion
from tritium.errors import AllSeatsFailed, InvalidRequest, UnstructuredAnswer
from tritium.fusion.contract import Contract, contract_of, written
from tritium.fusion.field_vote import Voice, central, vote_on_fields
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.model import new_call
from tritium.providers.scripted import ScriptedSource

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "year": {"type": "integer", "minimum": 1000},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "year"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "work", "schema": SCHEMA, "strict": True}}
ADA, BOB = {"name": "Ada", "year": 1843}, {"name": "Bob", "year": 1900}


def says(value: Any) -> str:
    return "say=" + quote(value if isinstance(value, str) else json.dumps(value))


class InTurn:
    """Plays one script after the other, and keeps what it was asked."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = list(scripts)
        self.asked: list[ChatRequest] = []

    def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        self.asked.append(request)
        return ScriptedSource().open(request, self.scripts.pop(0), call)


@pytest.fixture
def fuse(names, kept):
    async def ask(
        models: dict[str, Any], *, stream: bool = False, fields: Any = None, **options: Any
    ) -> dict[str, Any]:
        recorder = type(kept)()
        asked = {"response_format": FORMAT, "stream": stream, **(fields or {})}
        request = ChatRequest.build("f", [{"role": "user", "content": "Who wrote it?"}], **asked)
        panel = {"panel": list(models), "quorum": len(models), "strategy": "auto"}
        fusion = Fusion("f", FusionOptions(**{**panel, **options}), names(models))
        said = Completion()
        async with asyncio.timeout(10), fusion.answer(request, new_call(recorder, caller="tests")) as chunks:
            async for chunk in chunks:
                said.add(chunk)
        assert said.text == recorder.document["answer"]
        return recorder.document

    return ask


# ---------------------------------------------------------------- fields


def voices(*values: Any, weights: Any = None) -> list[Voice]:
    return [Voice(at, value, (weights or [1.0] * len(values))[at]) for at, value in enumerate(values)]


def test_every_field_is_voted_on_by_itself():
    votes = vote_on_fields(voices({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 3}))

    assert votes.value == {"a": 1, "b": 3}
    assert votes.table == [
        {"field": "/a", "says": "1", "seats": [0, 1]},
        {"field": "/b", "says": "3", "seats": [1, 2]},
    ]
    assert votes.agreement == pytest.approx(2 / 3)


def test_objects_within_objects_are_taken_apart_and_lists_are_not():
    one = {"o": {"x": 1, "y": [1, 2]}}
    votes = vote_on_fields(voices(one, {"o": {"x": 2, "y": [1, 2]}}, {"o": {"x": 2, "y": [1, 3]}}))

    assert votes.value == {"o": {"x": 2, "y": [1, 2]}}


def test_case_spaces_and_the_way_a_number_is_written_are_no_difference():
    votes = vote_on_fields(voices({"a": "New  York", "n": 3}, {"a": "new york", "n": 3.0}, {"a": "Boston", "n": 4}))

    assert votes.value == {"a": "New  York", "n": 3}
    assert votes.whole


def test_a_field_that_most_leave_out_is_left_out():
    assert vote_on_fields(voices({"a": 1, "b": 1}, {"a": 2}, {"a": 1, "c": 3})).value == {"a": 1}


def test_a_tie_is_the_strongest_members():
    assert vote_on_fields(voices({"a": 1, "b": 5}, {"a": 2})).value == {"a": 1, "b": 5}


def test_weight_decides_where_votes_weigh_differently():
    assert vote_on_fields(voices({"a": 1}, {"a": 2}, {"a": 2}, weights=[3.0, 1.0, 1.0])).value == {"a": 1}


def test_the_most_central_value_agrees_with_most_fields():
    candidates = voices({"a": 1, "b": 9}, {"a": 1, "b": 2, "c": 3}, {"a": 0})
    assert central(candidates, {"a": 1, "b": 2, "c": 4}).seat == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(JSON, min_size=1, max_size=5), st.randoms())
def test_a_field_vote_of_equals_is_that_value_and_hangs_on_strength_and_not_on_seats(values, shuffled):
    assert vote_on_fields(voices(*([values[0]] * 3))).value == values[0]
    mixed = voices(*values)
    seats = list(range(len(values)))
    shuffled.shuffle(seats)
    renumbered = [Voice(seat, voice.value) for seat, voice in zip(seats, mixed, strict=True)]
    assert vote_on_fields(mixed).value == vote_on_fields(renumbered).value


# ---------------------------------------------------------------- the contract


def test_json_in_a_fence_and_prose_is_read_and_comes_out_clean():
    contract = Contract(SCHEMA)
    text = 'Sure!\n```json\n{"name": "Ada",\n "year": 1843}\n```\nHope it helps.'

    assert contract.fault(text) is None
    assert contract.clean(text) == '{"name":"Ada","year":1843}'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("No idea.", "there is no JSON in it"),
        ('{"name": "Ada"}', '"year" is a required property'),
        ('{"name": "Ada", "year": "1843"}', "/year"),
        ('{"name": "Ada", "year": 843}', "843 is less than the minimum of 1000"),
        ('{"name": "Ada", "year": 1843, "x": 1}', "'x' was unexpected"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(text, fault):
    assert fault in (Contract(SCHEMA).fault(text) or "")


def test_any_object_will_do_where_there_is_no_schema():
    contract = contract_of({"type": "json_object"})

    assert contract is not None
    assert contract.fault('{"x": 1}') is None
    assert contract.fault("[1]") is not None
    assert contract_of({"type": "text"}) is contract_of(None) is None


@pytest.mark.parametrize("schema", [{"type": "strnig"}, {"$ref": "http://127.0.0.1:9/elsewhere"}, {"pattern": "("}])
def test_a_schema_that_cannot_be_checked_is_refused(schema):
    with pytest.raises(InvalidRequest, match="no JSON schema that can be checked") as caught:
        Contract(schema)
    assert caught.value.param == "response_format"


def test_a_pattern_made_to_take_forever_does_not():
    assert Contract({"pattern": r"^(a+)+\1$"}).faults("a" * 60 + "b")


def test_a_number_is_written_as_it_was():
    assert written(Contract(True).read('{"a": 0.1, "b": 3.0, "c": 12345678901234567890}')[0]) == (
        '{"a":0.1,"b":3,"c":12345678901234567890}'
    )


# ---------------------------------------------------------------- in a fusion


async def test_fields_are_voted_on_and_the_whole_is_clean_json(fuse):
    models = {
        "one": says({"name": "Ada", "year": 1842, "tags": ["x"]}),
        "two": says("```json\n" + json.dumps({"name": "Ada", "year": 1843}) + "\n```"),
        "three": says({"name": "Bob", "year": 1843}),
    }
    run = await fuse(models)

    assert (run["answer"], run["decision"]["how"]) == ('{"name":"Ada","year":1843}', "field_vote")
    assert run["decision"]["votes"][0] == {"field": "/name", "says": '"Ada"', "seats": [0, 1]}
    assert run["plan"]["strategy"] == "field_vote"


async def test_an_invalid_answer_is_dropped_with_its_reason(fuse):
    run = await fuse({"one": says({"name": "Ada"}), "two": says(BOB), "three": says(BOB)})

    assert json.loads(run["answer"]) == BOB
    assert run["decision"]["how"] == "unanimous"
    assert run["seats"][0]["outcome"] == "failed"
    assert run["seats"][0]["error"].startswith('not as the schema demands (/: "year" is a required property')


async def test_where_only_one_answer_is_valid_it_is_given(fuse):
    run = await fuse({"one": "garbage", "two": says(ADA), "three": "error=500"})

    assert (json.loads(run["answer"]), run["decision"]["how"]) == (ADA, "lone_survivor")


MIXED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
    "not": {"properties": {"a": {"const": 1}, "b": {"const": 1}, "c": {"const": 1}}},
}


def mixed(last: str) -> dict[str, Any]:
    """Three valid answers that make 1, 1, 1 together, which is not allowed."""
    return {
        "strong": {"source": InTurn(says({"a": 1, "b": 1, "c": 2}), last), "strength": 0.9},
        "two": {"script": says({"a": 1, "b": 2, "c": 1}), "strength": 0.5},
        "three": {"script": says({"a": 2, "b": 1, "c": 1}), "strength": 0.4},
    }


MIXED_FORMAT = {"response_format": {"type": "json_schema", "json_schema": {"name": "m", "schema": MIXED}}}


async def test_fields_that_make_no_valid_whole_are_mended_by_the_strongest(fuse):
    models = mixed(says({"a": 1, "b": 1, "c": 3}))
    run = await fuse(models, fields=MIXED_FORMAT)

    assert json.loads(run["answer"]) == {"a": 1, "b": 1, "c": 3}
    assert run["decision"]["reason"] == "the fields that won made no valid whole; it was mended"
    asked = models["strong"]["source"].asked[1].body.messages
    assert [message.role for message in asked] == ["user", "user"]
    assert re.search(r"<<<(\w+) draft\n{\"a\":1,\"b\":1,\"c\":1}\n<<<end \1>>>", asked[-1].text())
    assert "what is wrong" in asked[-1].text()
    assert [call["role"] for call in run["receipt"]["calls"]].count("repair") == 1


@pytest.mark.parametrize("last", ["garbage", "error=500", "empty", says({"a": 1, "b": 1, "c": 1})])
async def test_where_mending_fails_the_valid_answer_most_like_it_is_given(fuse, last):
    run = await fuse(mixed(last), fields=MIXED_FORMAT)

    assert json.loads(run["answer"]) == {"a": 1, "b": 1, "c": 2}
    assert run["decision"]["how"] == "central"


async def test_of_no_valid_answer_the_strongests_is_mended(fuse):
    source = InTurn(says({"name": "Ada"}), says(ADA))
    run = await fuse({"weak": "garbage", "strong": {"source": source, "strength": 0.9}})

    assert json.loads(run["answer"]) == ADA
    assert run["decision"]["reason"] == "no answer was valid; strong mended the strongest's"


async def test_what_cannot_be_mended_is_an_error_and_never_an_invalid_answer(fuse, kept):
    with pytest.raises(UnstructuredAnswer, match="No answer satisfies 'response_format'") as caught:
        await fuse({"one": "garbage", "two": says({"name": 1})})

    assert caught.value.http_status == 502
    assert {seat["model"] for seat in caught.value.metadata["seats"]} == {"one", "two"}


@pytest.mark.parametrize("strategy", ["vote", "rank", "consensus", "synthesize", "cascade", "self", "single"])
async def test_whatever_the_strategy_an_invalid_answer_never_reaches_the_caller(fuse, strategy):
    models = {
        "one": {"script": says("Here: " + json.dumps(ADA)), "strength": 0.5},
        "two": {"script": says({"name": "Ada"}), "strength": 0.4},
        "three": {"script": says(ADA), "strength": 0.6},
    }
    run = await fuse(models, strategy=strategy, judge="one", quorum=None)

    assert json.loads(run["answer"]) == ADA


async def test_a_synthesis_that_is_not_valid_is_not_sent_and_one_that_is_comes_clean(fuse):
    drafts = {"one": says(ADA), "two": says(BOB)}
    bad = await fuse(
        {**drafts, "judge": "judge=0", "writer": says({"name": "Eve"})},
        panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", quorum=2, stream=True,
    )  # fmt: skip
    good = await fuse(
        {**drafts, "judge": "judge=0", "writer": says("```\n" + json.dumps({"name": "Eve", "year": 2000}) + "\n```")},
        panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", quorum=2, stream=True,
    )  # fmt: skip

    assert json.loads(bad["answer"]) in (ADA, BOB)
    assert good["answer"] == '{"name":"Eve","year":2000}'


async def test_one_model_alone_is_checked_and_mended_once(fuse):
    source = InTurn(says({"name": "Ada"}), says(ADA))
    run = await fuse({"one": {"source": source}}, strategy="single")

    assert json.loads(run["answer"]) == ADA
    assert run["decision"]["reason"] == "one model answers; its answer had to be mended"


async def test_one_model_alone_that_cannot_mend_it_yields_to_the_next(fuse):
    strong = {"source": InTurn("garbage", "garbage"), "strength": 0.9}
    run = await fuse({"strong": strong, "weak": {"script": says(ADA), "strength": 0.1}}, strategy="single", quorum=None)

    assert json.loads(run["answer"]) == ADA
    assert [seat["model"] for seat in run["seats"]] == ["strong", "weak"]


async def test_a_cascade_under_a_schema_asks_the_strong_model_only_if_the_cheap_ones_differ(fuse):
    models = {
        "cheap": {"script": says(ADA), "strength": 0.2},
        "other": {"script": says({"year": 1843, "name": "Ada"}), "strength": 0.3},
        "strong": {"script": says(BOB), "strength": 0.9},
    }
    alike = await fuse(models, strategy="cascade", quorum=None)
    models["other"]["script"] = says({"name": "Bob", "year": 1843})
    apart = await fuse(models, strategy="cascade", quorum=None)

    assert [seat["outcome"] for seat in alike["seats"]] == ["ok", "ok", "cancelled"]
    assert json.loads(apart["answer"]) == {"name": "Bob", "year": 1843}


async def test_nobody_at_all_is_nobody(fuse):
    with pytest.raises(AllSeatsFailed):
        await fuse({"one": "error=500", "two": "error=500"})


async def test_a_schema_that_cannot_be_checked_is_refused_before_anyone_is_asked(fuse):
    wrong = {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "strnig"}}}}
    with pytest.raises(InvalidRequest, match="no JSON schema"):
        await fuse({"one": says(ADA)}, fields=wrong)


ANSWERS = st.sampled_from([says(ADA), says(BOB), says({"name": "Ada", "year": 1900}), says({"name": "Ada"}), "garbage",
                           "error=500", "empty", says("Well: " + json.dumps(ADA))])  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=st.lists(ANSWERS, min_size=1, max_size=4), strategy=st.sampled_from(["auto", "vote", "single"]))
def test_an_answer_is_valid_or_there_is_none(fuse, scripts, strategy):
    models = {f"m{at}": {"script": script, "strength": at / 10, "weak": True} for at, script in enumerate(scripts)}
    contract = Contract(SCHEMA)
    usable = [script for script in scripts if "year" in script]
    try:
        run = asyncio.run(fuse(models, strategy=strategy, quorum=None))
    except (UnstructuredAnswer, AllSeatsFailed):
        assert not usable
    else:
        assert contract.faults(json.loads(run["answer"])) == []
