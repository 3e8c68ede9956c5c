"""Recorded answers through the official SDK: models like others, priced, in a fusion, refused where there is none."""

from __future__ import annotations

import json

import openai
import pytest

from tritium.errors import ConfigError, UnknownModel

QUESTION = "What is 17 times 3? Answer with a number."


@pytest.fixture
def folder(tmp_path):
    """A set of one item that three models answered; only two of them have a price."""
    made = tmp_path / "recordings"
    made.mkdir()
    (made / "items.jsonl").write_text(json.dumps({"id": "q1", "prompt": QUESTION}))
    answers = [("gpt-a", "It is 51.", 10), ("claude-b", "51", 2), ("gemini-c", "The answer is 52.", 6)]
    rows = [
        {"item": "q1", "model": model, "text": text, "input_tokens": 20, "output_tokens": tokens}
        for model, text, tokens in answers
    ]
    (made / "responses.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (made / "prices.csv").write_text(
        "model,usd_per_m_input,usd_per_m_output,strength\ngpt-a,1,10,0.9\nclaude-b,1,10,0.5\ngemini-c,,,0.95\n"
    )
    return made


def recorded(folder, **more):
    return {"recorded": {"path": str(folder)}, **more}


async def test_a_recorded_model_answers_whole_and_as_a_stream_at_its_price(serve, folder):
    live = await serve(recorded(folder))
    asked = {"model": "recorded/gpt-a", "messages": [{"role": "user", "content": QUESTION}]}

    whole = await live.client.chat.completions.create(**asked)
    pieces = [each async for each in await live.client.chat.completions.create(**asked, stream=True)]

    assert whole.choices[0].message.content == "It is 51."
    assert "".join(each.choices[0].delta.content or "" for each in pieces if each.choices) == "It is 51."
    (row,) = await live.rows(whole.id)
    assert (row.provider, row.usage.output, row.cost_nanodollars) == ("recorded", 10, 120_000)


async def test_what_is_not_recorded_is_a_404_that_says_so(serve, folder):
    live = await serve(recorded(folder))

    with pytest.raises(openai.NotFoundError, match="none of the 1 recorded items asks this"):
        await live.client.chat.completions.create(
            model="recorded/gpt-a", messages=[{"role": "user", "content": "Something else"}]
        )
    with pytest.raises(openai.NotFoundError, match=r"recorded/gpt-b is not a valid model ID. Did you mean"):
        await live.client.chat.completions.create(model="recorded/gpt-b", messages=[{"role": "user", "content": "x"}])


async def test_a_fusion_votes_on_recorded_answers_and_the_stronger_of_those_who_agree_is_quoted(serve, folder):
    panel = [f"recorded/{model}" for model in ("claude-b", "gemini-c", "gpt-a")]
    live = await serve(recorded(folder, models={"team/three": {"kind": "fusion", "panel": panel, "quorum": 3}}))

    answer = await live.client.chat.completions.create(
        model="team/three", messages=[{"role": "user", "content": QUESTION}]
    )

    assert answer.choices[0].message.content == "It is 51."
    document = await live.document(answer.id)
    assert document["decision"]["how"] == "majority"
    assert [seat["maker"] for seat in document["seats"]] == ["anthropic", "google", "openai"]
    assert document["receipt"]["cost_usd"] is None  # one of them has no price


async def test_recorded_models_are_listed_and_on_no_panel_of_their_own_accord(serve, folder):
    live = await serve(recorded(folder))

    assert {"recorded/gpt-a", "recorded/claude-b"} <= {each.id async for each in live.client.models.list()}
    assert live.running.catalog.automatic_panel() == []


async def test_without_a_folder_there_are_none_and_the_error_says_which_setting_is_missing(serve):
    live = await serve()

    with pytest.raises(UnknownModel, match=r"Set recorded.path in the configuration to switch 'recorded' on"):
        live.running.catalog.resolve("recorded/gpt-a")


async def test_a_folder_without_tables_keeps_the_gateway_from_starting(serve, tmp_path):
    with pytest.raises(ConfigError, match=r"recorded.path: there is no items.jsonl"):
        await serve(recorded(tmp_path))
