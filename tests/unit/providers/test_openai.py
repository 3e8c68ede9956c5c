"""OpenAI's dialect: a request spliced and not rebuilt, an answer that keeps its bytes, errors in every shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tritium.chat import ChatRequest, Usage
from tritium.errors import UpstreamError, UpstreamOverloaded, UpstreamRateLimited, UpstreamRejected, UpstreamUnavailable
from tritium.providers.openai import OpenAIFormat, read_error
from tritium.providers.wire import Quirks

MESSAGES = [{"role": "user", "content": "Hi"}]


def sent(quirks: Quirks | None = None, *, streaming: bool = False, **fields: Any) -> dict[str, Any]:
    request = ChatRequest.build("tritium-name", fields.pop("messages", MESSAGES), **fields)
    return json.loads(OpenAIFormat(quirks).to_wire(request, "theirs", streaming=streaming, key=None).body)


# ---------------------------------------------------------------- requests


def test_a_field_nobody_knows_arrives_byte_for_byte():
    request = ChatRequest.decode(b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"odd":{ "a":1.0e0 }}')

    body = OpenAIFormat().to_wire(request, "theirs", streaming=False, key=None).body

    assert body.endswith(b'"odd":{ "a":1.0e0 },"stream":false}')


def test_the_path_the_key_and_the_models_own_name_go_out():
    wire = OpenAIFormat().to_wire(ChatRequest.build("m", MESSAGES), 'a "quoted"/name', streaming=False, key="sk-1")

    assert wire.path == "/chat/completions"
    assert wire.headers == ((b"authorization", b"Bearer sk-1"),)
    assert json.loads(wire.body)["model"] == 'a "quoted"/name'
    assert OpenAIFormat().to_wire(ChatRequest.build("m", MESSAGES), "m", streaming=False, key=None).headers == ()


def test_usage_is_always_asked_for_in_a_stream_and_never_elsewhere():
    theirs = {"include_usage": False, "include_obfuscation": False}

    assert sent(streaming=True, stream_options=theirs)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent(stream=True, stream_options=theirs)
    assert "stream_options" not in sent(Quirks(stream_options=False), streaming=True, stream_options=theirs)


def test_whether_it_streams_is_not_the_callers_word_here():
    assert sent(stream=True, streaming=False)["stream"] is False
    assert sent(stream=False, streaming=True)["stream"] is True


@pytest.mark.parametrize(
    ("wanted", "given", "left"),
    [
        ("max_tokens", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {"max_tokens": 5}, {"max_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 5, "max_completion_tokens": 6}, {"max_completion_tokens": 6}),
        ("max_tokens", {}, {}),
    ],
)
def test_the_output_cap_goes_by_the_vendors_name(wanted, given, left):
    body = sent(Quirks(max_tokens=wanted), **given)

    assert {name: value for name, value in body.items() if name.startswith("max_")} == left


def test_our_own_fields_never_leave_and_openrouters_only_for_it():
    fields = {"fusion": {"samples": 2}, "plugins": [{"id": "web"}], "provider": {"sort": "price"}, "models": ["a"]}

    assert set(sent(**fields)) == {"model", "messages", "stream"}
    assert set(sent(Quirks(openrouter_fields=True), **fields)) - {"model", "messages", "stream"} == set(fields) - {
        "fusion"
    }


def test_what_a_vendor_refuses_is_left_out():
    assert "logit_bias" not in sent(Quirks(drop=("logit_bias",)), logit_bias={"1": 2})
    assert "logit_bias" in sent(logit_bias={"1": 2})


def test_a_developer_is_a_system_to_those_who_know_only_that():
    messages = [
        {"role": "developer", "content": "Say developer", "x": 1},
        {"role": "user", "content": 'the role "developer"'},
        {"role": "system", "content": "s"},
    ]

    old, new = sent(messages=messages)["messages"], sent(Quirks(developer_role=True), messages=messages)["messages"]

    assert [each["role"] for each in old] == ["system", "user", "system"]
    assert [each["content"] for each in old] == [each["content"] for each in messages]
    assert old[0]["x"] == 1
    assert new == messages


@pytest.mark.parametrize(
    ("last", "marked"),
    [
        ({"role": "user", "content": "Hi"}, False),
        ({"role": "assistant", "content": "He"}, True),
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}, False),
    ],
)
def test_a_vendor_that_wants_a_prefill_marked_gets_it_marked(last, marked):
    request = ChatRequest.build("m", [{"role": "user", "content": "Hi"}, last])

    for quirks, expected in ((Quirks(marks_prefill=True), marked), (Quirks(), False)):
        sent = json.loads(OpenAIFormat(quirks).to_wire(request, "m", streaming=False, key=None).body)["messages"]
        assert [message.get("prefix", False) for message in sent] == [False, expected]


# ---------------------------------------------------------------- answers


def test_a_whole_answer_keeps_its_bytes():
    body = b'{ "choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":null}],"usage":{"prompt_tokens":3}}'
    reader = OpenAIFormat().reader("vendor")

    chunk = reader.complete(body)

    assert (chunk.raw, chunk.text, chunk.usage) == (body, "Hi", Usage(3))
    assert reader.done


def test_a_stream_is_over_with_a_finish_reason_or_with_done():
    for last in (b'{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}', b"[DONE]"):
        reader = OpenAIFormat().reader("vendor")
        assert (
            reader.event(b'{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}', None).text == "Hi"
        )
        assert not reader.done
        reader.event(last, None)
        assert reader.done


def test_a_chunk_with_nothing_but_usage_is_passed_on():
    chunk = (
        OpenAIFormat().reader("vendor").event(b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}', None)
    )

    assert (chunk.choices, chunk.usage) == ([], Usage(3, 4))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"choices":{}}', b'{"choices":[{"message":"Hi"}]}', b'{"a":"\xff"']
)
def test_what_is_no_completion_is_the_providers_failure(body):
    with pytest.raises(UpstreamUnavailable, match="vendor answered something that isn't a chat completion"):
        OpenAIFormat().reader("vendor").complete(body)


@pytest.mark.parametrize("body", [b"{}", b'{"choices":[]}', b'{"choices":null}'])
def test_an_answer_without_a_choice_is_none(body):
    with pytest.raises(UpstreamUnavailable, match="without any choice"):
        OpenAIFormat().reader("vendor").complete(body)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"message": "slow down", "code": 429}, UpstreamRateLimited, "vendor answered 429: slow down"),
        ({"message": "no", "code": 503}, UpstreamOverloaded, "vendor answered 503: no"),
        ({"message": "no", "code": 400}, UpstreamRejected, "vendor answered 400: no"),
        ({"message": "no", "code": "invalid_api_key"}, UpstreamUnavailable, "vendor answered 502: no"),
        ({"message": "no", "code": 200}, UpstreamUnavailable, "vendor answered 502: no"),
        ({"code": 500}, UpstreamUnavailable, "vendor answered 500: no reason given"),
        ("it broke", UpstreamUnavailable, "vendor answered 502: it broke"),
        (["it broke"], UpstreamUnavailable, "it broke"),
    ],
)
def test_an_error_in_an_answer_whose_status_was_200_is_an_error(error, kind, message):
    with pytest.raises(UpstreamError) as caught:
        OpenAIFormat().reader("vendor").event(json.dumps({"error": error, "choices": []}).encode(), None)

    assert type(caught.value) is kind
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no", "type": "x", "code": None}}, "no"),
        ({"error": "no"}, "no"),
        ({"message": "no", "object": "error"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["body"], "msg": "no"}]}, "[{'loc': ['body'], 'msg': 'no'}]"),
        ({"error": {"code": 5}}, None),
        ({"error": None}, None),
        ({"error": {"message": 7}}, None),
        ([], None),
    ],
)
def test_an_error_body_is_read_in_each_of_its_shapes(body, message):
    assert read_error(json.dumps(body).encode()) == message


def test_an_error_body_that_is_no_json_has_no_message_of_its_own():
    assert OpenAIFormat().error_message(b"<html>Bad Gateway</html>") is None


# ---------------------------------------------------------------- reasoning


@pytest.mark.parametrize(
    ("reasoning", "more", "effort"),
    [
        ({"effort": "high"}, {}, "high"),
        ({"effort": "minimal"}, {}, "low"),
        ({"effort": "xhigh"}, {}, "high"),
        ({"enabled": True}, {}, "medium"),
        ({"max_tokens": 2000}, {}, "medium"),
        ({"max_tokens": 900}, {"max_tokens": 1000}, "high"),
        ({"max_tokens": 400}, {"max_tokens": 1000}, "medium"),
        ({"max_tokens": 100}, {"max_tokens": 1000}, "low"),
        ({"effort": "low"}, {"reasoning_effort": "minimal"}, "minimal"),
        ({"enabled": False}, {}, None),
        ({"effort": "none"}, {}, None),
        ({"exclude": True}, {}, None),
    ],
)
def test_openrouters_reasoning_becomes_an_effort(reasoning, more, effort):
    body = sent(reasoning=reasoning, **more)

    assert body.get("reasoning_effort") == effort
    assert "reasoning" not in body


def test_a_router_is_told_of_reasoning_as_it_was_asked():
    body = sent(Quirks(openrouter_fields=True), reasoning={"effort": "xhigh"})

    assert (body["reasoning"], "reasoning_effort" in body) == ({"effort": "xhigh"}, False)


def test_a_model_is_not_sent_what_it_is_known_to_refuse():
    lacking = {"old": frozenset(("reasoning", "reasoning_effort")), "new": frozenset(("temperature", "top_p"))}
    wire = OpenAIFormat(lacking=lambda model: lacking.get(model, frozenset()))
    request = ChatRequest.build("m", MESSAGES, reasoning={"effort": "high"}, temperature=0, seed=1)

    bodies = [json.loads(wire.to_wire(request, name, streaming=False, key=None).body) for name in ("old", "new")]

    assert [set(each) - {"model", "messages", "stream"} for each in bodies] == [
        {"temperature", "seed"},
        {"reasoning_effort", "seed"},
    ]
