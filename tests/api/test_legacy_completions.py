"""The official OpenAI SDK's older form, a prompt in and a text out, answered by chat models."""

from __future__ import annotations

import httpx
import openai
import pytest

PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}}}
COST = (10 * 3 + 2 * 15) / 1e6


def vendor(upstream, **more):
    return {"providers": {"vendor": {"base_url": upstream.url, "key_env": "VENDOR_KEY"}}, **more}


async def test_a_prompt_is_asked_as_a_message_and_answered_as_a_text(serve, upstream, wire):
    upstream.reply = wire.completion("Hello")
    live = await serve(vendor(upstream, **PRICES), VENDOR_KEY="x")

    answer = await live.client.completions.create(
        model="vendor/m1", prompt=["Say hello"], max_tokens=5, stop="\n", echo=False, extra_body={"top_k": 3}
    )

    assert (answer.object, answer.model) == ("text_completion", "vendor/m1")
    assert answer.choices[0].to_dict() == {"text": "Hello", "index": 0, "logprobs": None, "finish_reason": "stop"}
    assert answer.usage.total_tokens == 12
    assert answer.usage.model_extra["cost"] == pytest.approx(COST)
    assert (await live.rows(answer.id))[0].model == "vendor/m1"
    assert upstream.requests == [
        {
            "messages": [{"role": "user", "content": "Say hello"}],
            "model": "m1",
            "max_tokens": 5,
            "stop": "\n",
            "top_k": 3,
            "stream": False,
        }
    ]


async def test_a_stream_of_texts_ends_with_usage_on_its_last_choice(serve, upstream, wire):
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
        b"[DONE]",
    )
    live = await serve(vendor(upstream, **PRICES), VENDOR_KEY="x")

    stream = await live.client.completions.create(model="vendor/m1", prompt="Say hello", stream=True)
    chunks = [chunk async for chunk in stream]

    assert [chunk.choices[0].text for chunk in chunks] == ["Hel", "lo", ""]
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert chunks[-1].choices[0].finish_reason == "length"
    assert chunks[-1].usage.model_extra["cost"] == pytest.approx(COST)


async def test_openrouters_clients_and_those_who_ask_get_usage_apart(serve):
    live = await serve()
    client = openai.AsyncOpenAI(base_url=f"{live.url}/api/v1", api_key="x")
    options = {"include_usage": True}

    for sdk, more in ((live.client, {"stream_options": options}), (client, {})):
        stream = await sdk.completions.create(model="scripted/say=Hi", prompt="Hi", stream=True, **more)
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == 1
    await client.close()


async def test_several_answers_keep_their_numbers(serve, upstream, wire):
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in enumerate(("One", "Two"))
    ]
    upstream.reply = wire.completion(choices=choices)
    live = await serve(vendor(upstream), VENDOR_KEY="x")

    answer = await live.client.completions.create(model="vendor/m1", prompt="Count", n=2)

    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "One"), (1, "Two")]


async def test_a_fusion_answers_a_prompt(serve):
    panel = ["scripted/say=51", "scripted/say=51;delay=5"]
    live = await serve({"models": {"tritium/fusion": {"kind": "fusion", "panel": panel}}})

    answer = await live.client.completions.create(model="tritium/fusion", prompt="What is 17 times 3?")

    assert "51" in answer.choices[0].text
    assert answer.model_extra["fusion"]["run"] == answer.id


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"prompt": ["One", "Two"]}, "prompt", "one request at a time"),
        ({"prompt": [1, 2, 3]}, "prompt", "send text"),
        ({"prompt": []}, "prompt", "length"),
        ({"prompt": 7}, "prompt", "got `int`"),
        ({"echo": True}, "echo", "Leave 'echo' out"),
        ({"suffix": "end"}, "suffix", "Leave 'suffix' out"),
        ({"best_of": 3}, "best_of", "Leave 'best_of' out"),
        ({"logprobs": 2}, "logprobs", "Leave 'logprobs' out"),
        ({"temperature": 3}, "temperature", "<= 2"),
    ],
)
async def test_what_a_chat_cannot_give_is_a_400_that_names_it(serve, change, param, says):
    live = await serve()

    async with httpx.AsyncClient() as client:
        body = {"model": "scripted/ok", "prompt": "Hi", **change}
        reply = await client.post(f"{live.url}/v1/completions", json=body)

    error = reply.json()["error"]
    assert reply.status_code == 400
    assert error["param"] == param
    assert says in error["message"]


async def test_a_missing_prompt_is_named(serve):
    live = await serve()

    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{live.url}/v1/completions", json={"model": "scripted/ok"})

    assert reply.status_code == 400
    assert "'prompt' is missing" in reply.json()["error"]["message"]


async def test_errors_keep_their_class_before_and_in_a_stream(serve):
    live = await serve()

    with pytest.raises(openai.NotFoundError):
        await live.client.completions.create(model="acme/none", prompt="Hi")
    stream = await live.client.completions.create(model="scripted/words=9;die=2", prompt="Hi", stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        _ = [chunk async for chunk in stream]
