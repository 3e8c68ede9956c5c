"""A panel beside a model that is no fusion: OpenRouter's plugin, its server tool, and a choice that demands it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

OPEN = "Compare heat pumps with gas boilers at length, with reasons."
FIRST, SECOND, FAILING = "scripted/say=Heat%20pumps.", "scripted/say=Boilers.", "scripted/error=429"
JUDGE = "scripted/judge=0"
CALLS = "scripted/call=openrouter_fusion({});say=Both%20have%20their%20place."
ANSWERS = "scripted/say=By%20myself."
TOOL = {"type": "openrouter:fusion", "parameters": {"analysis_models": [FIRST, SECOND], "model": JUDGE}}
BARE = {"type": "openrouter:fusion"}
PLUGIN = {"id": "fusion", "analysis_models": [FIRST, SECOND], "model": JUDGE}
CLAUSE = {"type": "function", "function": {"name": "get_clause", "parameters": {"type": "object"}}}


async def ask(live: Any, model: str, messages: Any = None, **extra: Any) -> Any:
    return await live.client.chat.completions.create(
        model=model, messages=messages or [{"role": "user", "content": OPEN}], extra_body=extra
    )


async def roles(live: Any, answer_id: str) -> list[str]:
    return sorted(row.role for row in await live.rows(answer_id))


@pytest.mark.parametrize("door", [{"tools": [TOOL]}, {"plugins": [PLUGIN]}])
async def test_the_model_that_calls_the_tool_gets_a_panel_and_answers_once(serve, door):
    live = await serve()

    answer = await ask(live, CALLS, **door)

    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Both have their place.", "stop")
    assert not choice.message.tool_calls
    assert answer.model == CALLS
    assert await roles(live, answer.id) == ["judge", "seat", "seat", "solo", "synthesizer"]
    rows = await live.rows(answer.id)
    cost = sum(row.cost_nanodollars for row in rows) / 1e9
    assert answer.usage.model_extra["cost"] == pytest.approx(cost)
    run = await live.document(answer.id)
    assert run["receipt"]["cost_usd"] == pytest.approx(cost)
    assert (run["outcome"], run["answer"]) == ("ok", "Both have their place.")
    assert run["decision"]["how"] == "analysis"
    assert answer.model_extra["fusion"]["run"] == answer.id


@pytest.mark.parametrize("door", [{"tools": [TOOL]}, {"plugins": [PLUGIN]}])
async def test_the_model_that_does_not_call_it_answers_alone(serve, door):
    live = await serve()

    answer = await ask(live, ANSWERS, **door)

    assert answer.choices[0].message.content == "By myself."
    assert await roles(live, answer.id) == ["solo"]
    assert "fusion" not in answer.model_extra


async def test_what_the_panel_found_is_the_tools_result_as_openrouter_has_it(serve, upstream, wire):
    parameters = {**TOOL["parameters"], "analysis_models": [FIRST, SECOND, FAILING]}
    calls = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "openrouter_fusion", "arguments": "{}"}}]
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"content": "Let me ask around.", "tool_calls": calls}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        b"[DONE]",
    )
    live = await serve({"providers": {"vendor": {"base_url": upstream.url, "key_env": "KEY"}}}, KEY="sk-1")

    answer = await ask(
        live,
        "vendor/m",
        tools=[{**TOOL, "parameters": parameters}, CLAUSE],
        tool_choice="required",
        fusion={"quorum": 3},
    )

    first, second, *_ = upstream.requests
    assert [tool["function"]["name"] for tool in first["tools"]] == ["get_clause", "openrouter_fusion"]
    assert first["tool_choice"] == "required"
    assert not {"plugins", "fusion"} & set(first)
    # What forced the first call would force another one.
    assert "tool_choice" not in second
    said, result = second["messages"][-2:]
    assert (said["role"], said["content"]) == ("assistant", "Let me ask around.")
    assert said["tool_calls"][0]["id"] == result["tool_call_id"] == "c1"
    begin, found_text, end = result["content"].split("\n\n", 1)[1].split("\n")
    assert begin.startswith("<<<")
    assert end.startswith("<<<end ")
    found = json.loads(found_text)
    assert found["status"] == "ok"
    assert set(found["analysis"]) == {
        "consensus",
        "contradictions",
        "partial_coverage",
        "unique_insights",
        "blind_spots",
    }
    assert sorted(each["content"] for each in found["responses"]) == ["Boilers.", "Heat pumps."]
    assert [(each["model"], each["status_code"]) for each in found["failed_models"]] == [(FAILING, 429)]
    # It calls again and again: the panel is asked once, and there is an end to it.
    capped = json.loads(upstream.requests[2]["messages"][-1]["content"])
    assert capped["failure_reason"] == "fusion_invocation_capped"
    assert len(upstream.requests) == 4
    assert len([row for row in await live.rows(answer.id) if row.role == "seat"]) == 3


async def test_a_panel_that_fails_leaves_the_model_to_answer_by_itself(serve):
    live = await serve()
    tool = {"type": "openrouter:fusion", "parameters": {"analysis_models": [FAILING, "scripted/error=500"]}}

    answer = await ask(live, CALLS, tools=[tool])

    assert answer.choices[0].message.content == "Both have their place."
    run = await live.document(answer.id)
    assert run["outcome"] == "ok"
    assert {seat["outcome"] for seat in run["seats"]} == {"failed"}


async def test_the_callers_functions_keep_working_beside_the_tool(serve):
    live = await serve()

    answer = await ask(live, 'scripted/call=get_clause({"n":1})', tools=[CLAUSE, TOOL])

    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_clause", '{"n": 1}')
    assert answer.choices[0].finish_reason == "tool_calls"
    assert await roles(live, answer.id) == ["solo"]


async def test_of_a_function_and_the_tool_called_at_once_the_panel_comes_first(serve):
    live = await serve()
    both = 'scripted/call=get_clause({"n":1})&openrouter_fusion({});say=Done.'

    answer = await ask(live, both, tools=[CLAUSE, TOOL])

    assert answer.choices[0].message.content == "Done."
    assert not answer.choices[0].message.tool_calls
    assert "seat" in await roles(live, answer.id)


async def test_a_function_of_the_tools_own_name_is_not_mistaken_for_it(serve):
    live = await serve()
    namesake = {"type": "function", "function": {"name": "openrouter_fusion", "parameters": {"type": "object"}}}

    answer = await ask(live, CALLS, tools=[namesake, TOOL])

    assert answer.choices[0].message.tool_calls[0].function.name == "openrouter_fusion"
    assert await roles(live, answer.id) == ["solo"]


@pytest.mark.parametrize(
    "door",
    [
        {"tools": [TOOL], "tool_choice": {"type": "openrouter:fusion"}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"plugins": [PLUGIN], "tool_choice": "required"},
        {"plugins": [{**PLUGIN, "mode": "always"}]},
    ],
)
async def test_demanded_the_panel_is_asked_without_the_model_being_asked_first(serve, door):
    live = await serve()

    answer = await ask(live, ANSWERS, **door)

    assert answer.choices[0].message.content == "By myself."
    assert answer.model == ANSWERS
    assert await roles(live, answer.id) == ["judge", "seat", "seat", "synthesizer"]
    run = await live.document(answer.id)
    assert (run["plan"]["judge"], run["plan"]["synthesizer"]) == (JUDGE, ANSWERS)
    assert run["decision"]["how"] == "synthesis"


@pytest.mark.parametrize(
    "door",
    [
        {"tools": [TOOL], "tool_choice": "none"},
        {"tools": [TOOL, CLAUSE], "tool_choice": {"type": "function", "function": {"name": "get_clause"}}},
        {"plugins": [{**PLUGIN, "enabled": False}]},
    ],
)
async def test_where_it_must_not_be_called_nobody_offers_it(serve, door):
    live = await serve()

    answer = await ask(live, CALLS.replace("say=Both%20have%20their%20place.", "say=Plain."), **door)

    assert await roles(live, answer.id) == ["solo"]
    assert "fusion" not in answer.model_extra


@pytest.mark.parametrize(
    ("mode", "messages", "fused"),
    [
        ("auto", [{"role": "user", "content": OPEN}], True),
        ("auto", [{"role": "user", "content": "Thank you!"}], False),
        ("always", [{"role": "user", "content": "Thank you!"}], True),
    ],
)
async def test_auto_asks_a_panel_only_where_that_is_worth_it(serve, mode, messages, fused):
    live = await serve()

    answer = await ask(live, ANSWERS, messages, plugins=[{**PLUGIN, "mode": mode}])

    run = await live.document(answer.id)
    assert (len(run["receipt"]["calls"]) > 1) == fused
    assert answer.choices[0].message.content == "By myself."
    if not fused:
        assert any("mode 'auto'" in reason for reason in run["plan"]["reasons"])


async def test_a_fusion_may_leave_it_to_its_writer(serve):
    models = {"mine": {"kind": "fusion", "panel": [FIRST, SECOND], "judge": JUDGE, "mode": "tool"}}
    live = await serve({"models": models})

    alone = await ask(live, "mine", fusion={"synthesizer": ANSWERS})
    fused = await ask(live, "mine", fusion={"synthesizer": CALLS})

    assert await roles(live, alone.id) == ["solo"]
    assert "seat" in await roles(live, fused.id)


async def test_a_question_of_the_models_own_is_what_the_panel_is_asked(serve):
    live = await serve()
    tool = {"type": "openrouter:fusion", "parameters": {"analysis_models": ["scripted/echo"], "model": JUDGE}}

    answer = await ask(live, 'scripted/call=openrouter_fusion({"question":"Is%20it%20warm?"});say=Yes.', tools=[tool])

    run = await live.document(answer.id)
    assert [seat["text"] for seat in run["seats"]] == ["Is it warm?"]


# ---------------------------------------------------------------- streams


async def test_a_stream_holds_one_answer_and_its_progress_on_request(serve):
    live = await serve()
    stream = await live.client.chat.completions.create(
        model=CALLS,
        messages=[{"role": "user", "content": OPEN}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"tools": [TOOL], "fusion": {"events": True}},
    )
    chunks = [chunk async for chunk in stream]

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    kinds = [(chunk.model_extra.get("fusion") or {}).get("type") for chunk in chunks]
    assert (said, ends) == ("Both have their place.", ["stop"])
    assert not any(chunk.choices and chunk.choices[0].delta.tool_calls for chunk in chunks)
    assert kinds.count("seat.ended") == 2
    assert "analysis" in kinds
    assert chunks[-1].usage.model_extra["cost"] == (await live.document(chunks[0].id))["receipt"]["cost_usd"]


async def test_the_callers_calls_are_streamed_beside_the_tool(serve):
    live = await serve()
    stream = await live.client.chat.completions.create(
        model='scripted/call=get_clause({"number":12345678})&get_clause({"number":2})',
        messages=[{"role": "user", "content": OPEN}],
        stream=True,
        extra_body={"tools": [CLAUSE, TOOL]},
    )
    calls: dict[int, dict[str, str]] = {}
    async for chunk in stream:
        for piece in chunk.choices[0].delta.tool_calls or ():
            call = calls.setdefault(piece.index, {"id": piece.id, "name": piece.function.name, "arguments": ""})
            call["arguments"] += piece.function.arguments or ""

    assert [(call["name"], call["arguments"]) for call in calls.values()] == [
        ("get_clause", '{"number": 12345678}'),
        ("get_clause", '{"number": 2}'),
    ]
    assert len({call["id"] for call in calls.values()}) == 2


async def responses(live: Any, **body: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"{live.url}/api/v1/responses", json={"input": OPEN, "stream": True, **body}, timeout=20
        )
    events = [json.loads(line[6:]) for line in reply.text.split("\n") if line.startswith("data: {")]
    return events, events[-1]["response"]


async def test_in_responses_the_run_is_an_item_between_what_was_said_before_and_after(serve, upstream, wire):
    calls = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "openrouter_fusion", "arguments": "{}"}}]
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"content": "Wait.", "tool_calls": calls}, "finish_reason": "tool_calls"}]},
        b"[DONE]",
    )
    live = await serve({"providers": {"vendor": {"base_url": upstream.url, "key_env": "KEY"}}}, KEY="sk-1")

    events, response = await responses(live, model="vendor/m", tools=[TOOL])

    assert [item["type"] for item in response["output"]][:3] == ["message", "openrouter:fusion", "message"]
    fusion = response["output"][1]
    assert fusion["status"] == "completed"
    assert sorted(each["content"] for each in fusion["responses"]) == ["Boilers.", "Heat pumps."]
    kinds = [event["type"] for event in events]
    assert kinds.index("response.output_item.done") < kinds.index("response.fusion_call.in_progress")


async def test_in_responses_a_model_that_decides_against_it_has_no_item(serve):
    live = await serve()

    _, response = await responses(live, model=ANSWERS, tools=[TOOL])

    assert [item["type"] for item in response["output"]] == ["message"]


async def test_in_responses_a_panel_that_failed_is_an_incomplete_item_of_a_complete_answer(serve):
    live = await serve()
    tool = {"type": "openrouter:fusion", "parameters": {"analysis_models": [FAILING]}}

    _, response = await responses(live, model=CALLS, tools=[tool])

    fusion, message = response["output"]
    assert (response["status"], fusion["status"]) == ("completed", "incomplete")
    assert fusion["failure_reason"] == "rate_limited"
    assert message["content"][0]["text"] == "Both have their place."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", [{"tools": [TOOL]}, {"plugins": [PLUGIN]}])
async def test_in_messages_the_tool_is_the_same(serve, door, stream):
    live = await serve()
    body = {"model": CALLS, "max_tokens": 90, "messages": [{"role": "user", "content": OPEN}], "stream": stream, **door}

    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{live.url}/api/v1/messages", json=body, timeout=20)

    assert reply.status_code == 200, reply.text
    if stream:
        events = [json.loads(line[6:]) for line in reply.text.split("\n") if line.startswith("data: {")]
        said = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
        assert said == "Both have their place."
        assert [event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta"] == ["end_turn"]
    else:
        assert [block["text"] for block in reply.json()["content"]] == ["Both have their place."]
    assert "seat" in await roles(live, reply.headers["x-generation-id"])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("door", "says"),
    [
        ({"plugins": [{"id": "fusion", "analysis_model": ["a/b"]}]}, "plugins[0] has no key 'analysis_model'"),
        ({"plugins": [{**PLUGIN, "analysis_models": [FIRST] * 9}]}, "length <= 8"),
        ({"tools": [{"type": "openrouter:fusion", "parameters": {"max_tool_calls": 0}}]}, ">= 1"),
        ({"tools": [{"type": "openrouter:fusion", "parameters": {"judge": "a/b"}}]}, "no key 'judge'"),
        ({"plugins": [{**PLUGIN, "analysis_models": ["nobody/m"]}]}, "nobody/m"),
        ({"plugins": [{**PLUGIN, "analysis_models": ["tritium/fusion"]}]}, "can't sit on a panel itself"),
        ({"plugins": [{**PLUGIN, "analysis_models": ["openrouter/fusion"]}]}, "can't sit on a panel itself"),
        ({"tool_choice": {"type": "openrouter:fusion"}, "tools": [CLAUSE]}, "which is not in 'tools'"),
    ],
)
async def test_what_means_nothing_at_a_door_is_refused(serve, door, says):
    live = await serve()

    with pytest.raises(openai.APIStatusError) as caught:
        await ask(live, ANSWERS, **door)

    assert says in caught.value.message
    assert caught.value.status_code in (400, 404)


async def test_a_choice_of_the_tool_on_a_fusion_itself_does_not_reach_its_members(serve):
    panel = {"kind": "fusion", "panel": [FIRST, SECOND], "judge": JUDGE, "synthesizer": ANSWERS}
    live = await serve({"models": {"tritium/fusion": panel}})

    for door in ({"tool_choice": "required"}, {"tools": [BARE], "tool_choice": {"type": "openrouter:fusion"}}):
        answer = await ask(live, "openrouter/fusion", **door)
        assert answer.choices[0].message.content == "By myself."


async def test_a_request_from_inside_a_fusion_gets_no_other(serve):
    live = await serve()

    answer = await live.client.chat.completions.create(
        model=CALLS,
        messages=[{"role": "user", "content": OPEN}],
        extra_body={"tools": [TOOL]},
        extra_headers={"x-openrouter-fusion-depth": "1"},
    )

    assert answer.choices[0].message.content == "Both have their place."
    assert await roles(live, answer.id) == ["solo"]


async def test_the_requests_own_preset_counts_over_the_plugins(serve):
    live = await serve()

    answer = await ask(
        live,
        "tritium/fusion",
        plugins=[{"id": "fusion", "preset": "general-high", "analysis_models": [FIRST, SECOND]}],
        fusion={"preset": "code"},
    )

    assert answer.model_extra["fusion"]["decision"]["strategy"] == "rank"
