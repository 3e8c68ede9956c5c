"""What a caller can get wrong: each mistake gets the right status and a message that says what, where, what to do."""

from __future__ import annotations

import json

import httpx
import pytest

MESSAGES = [{"role": "user", "content": "Hi"}]
OK = {"model": "scripted/say=Hi", "messages": MESSAGES}


async def post(live, body, path="/v1/chat/completions", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient() as client:
        return await client.post(live.url + path, content=content, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b'{"model": "x", ', None, "not valid JSON"),
        (b"\xff\xfe", None, "not valid JSON"),
        (b"", None, "empty"),
        (b"[]", None, "expected `object`"),
        ({"messages": MESSAGES}, "model", "model"),
        ({"model": "x"}, "messages", "messages"),
        ({**OK, "messages": []}, "messages", "empty"),
        ({**OK, "messages": "hi"}, "messages", "expected `array`"),
        ({**OK, "messages": [{"role": "usr", "content": "x"}]}, "messages[0].role", "usr"),
        ({**OK, "messages": [{"role": "user", "content": 7}]}, "messages[0].content", "got `int`"),
        ({**OK, "temperature": 3}, "temperature", "<= 2"),
        ({**OK, "max_tokens": 0}, "max_tokens", ">= 1"),
        ({**OK, "stream": "yes"}, "stream", "got `str`"),
        ({**OK, "model": "tritium/fusion", "fusion": {"qourum": 2}}, "fusion", "quorum"),
        ({**OK, "model": "tritium/fusion", "fusion": {"panel": ["scripted/ok"] * 9}}, "fusion", "at most 8"),
        ({**OK, "model": "tritium/fusion", "fusion": {"panel": ["scripted/ok"], "quorum": 2}}, "fusion", "quorum"),
        ({**OK, "model": "tritium/fusion", "fusion": {"panel": ["scripted/sya=x"]}}, "model", "say"),
    ],
)
async def test_a_wrong_body_is_a_400_that_names_the_place(serve, body, param, says):
    live = await serve()

    reply = await post(live, body)

    error = reply.json()["error"]
    assert reply.status_code == 400, error
    assert says in error["message"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


async def test_an_unknown_model_is_a_404_with_a_suggestion(serve):
    live = await serve()

    reply = await post(live, {**OK, "model": "tritium/fussion"})

    error = reply.json()["error"]
    assert reply.status_code == 404
    assert error["code"] == "model_not_found"
    assert "Did you mean 'tritium/fusion'" in error["message"]


async def test_a_provider_without_its_key_says_which_variable_to_set(serve):
    live = await serve()

    reply = await post(live, {**OK, "model": "anthropic/claude-opus-5-5"})

    assert "ANTHROPIC_API_KEY" in reply.json()["error"]["message"]


async def test_openrouters_dialect_has_integer_codes_and_its_own_status_for_unknown_models(serve):
    live = await serve()

    reply = await post(live, {**OK, "model": "acme/none"}, "/api/v1/chat/completions")

    error = reply.json()["error"]
    assert reply.status_code == 400
    assert error["code"] == 400
    assert error["metadata"]["error_type"] == "invalid_request"
    assert error["availability"]["code"] == "model_not_found"


async def test_a_body_over_the_limit_is_a_413(serve):
    live = await serve({"server": {"max_body_bytes": 10_000_000}})
    large = {**OK, "messages": [{"role": "user", "content": "x" * 10_000_000}]}

    reply = await post(live, large)

    assert reply.status_code == 413
    assert "10,000,000 bytes" in reply.json()["error"]["message"]


async def test_a_10_megabyte_body_within_the_limit_is_answered(serve):
    live = await serve()
    large = {**OK, "messages": [{"role": "user", "content": "x" * 10_000_000}]}

    reply = await post(live, large)

    assert reply.status_code == 200


async def test_an_unknown_path_says_what_there_is(serve):
    live = await serve()

    reply = await post(live, OK, "/v1/chat/complete")

    assert reply.status_code == 404
    assert "/chat/completions" in reply.json()["error"]["message"]


async def test_a_wrong_method_is_a_405(serve):
    live = await serve()

    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{live.url}/v1/chat/completions")

    assert reply.status_code == 405


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"origin": "null"}])
async def test_a_page_from_elsewhere_cannot_spend_money_here(serve, headers):
    live = await serve()

    reply = await post(live, OK, **headers)

    assert reply.status_code == 403


async def test_a_failure_inside_is_masked(serve, monkeypatch, caplog):
    live = await serve()
    monkeypatch.setattr(live.running.gateway, "catalog", None)

    reply = await post(live, OK)

    assert reply.status_code == 500
    assert "NoneType" not in reply.text
    assert "unexpected failure" in caplog.text
