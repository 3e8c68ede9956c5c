"""A panel behind POST /responses: its own output item and events, whichever of the doors it came through."""

from __future__ import annotations

import json

import httpx
import pytest

from .responses_spec import check_event, check_request, check_response

FIRST, SECOND = (
    "scripted/say=A%20heat%20pump%20saves%20more.;delay=20",
    "scripted/say=A%20boiler%20is%20cheaper.;delay=40",
)
FAILING, JUDGE, WRITER = "scripted/error=429", "scripted/judge=0", "scripted/say=Both%20have%20their%20place%20here."
OPEN = "Compare heat pumps with gas boilers at length, with reasons."
TOOL = {"type": "openrouter:fusion", "parameters": {"analysis_models": [FIRST, SECOND, FAILING], "model": JUDGE}}
GET_CLAUSE = {"type": "function", "name": "get_clause", "parameters": {"type": "object"}, "strict": None}


def fused(**options):
    panel = {"kind": "fusion", "panel": [FIRST, SECOND, FAILING], "judge": JUDGE, "synthesizer": WRITER, "quorum": 3}
    return {"models": {"tritium/fusion": {**panel, **options}}}


async def post(live, **body):
    async with httpx.AsyncClient() as client:
        return await client.post(f"{live.url}/api/v1/responses", json={"input": OPEN, **body}, timeout=20)


async def create(live, **body):
    reply = await post(live, **body)
    assert reply.status_code == 200, reply.text
    check_response(reply.json())
    return reply.json()


async def streamed(live, **body):
    reply = await post(live, stream=True, **body)
    *frames, done = [line[6:] for line in reply.text.split("\n") if line.startswith("data: ")]
    events = [json.loads(frame) for frame in frames]
    assert done == "[DONE]"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        check_event(event)
    return events


def names(events):
    return [event["type"].removeprefix("response.") for event in events]


async def test_a_run_streams_as_a_fusion_item_before_the_message(serve):
    live = await serve(fused())

    events = await streamed(live, model="openrouter/fusion")

    seen = names(events)
    assert seen[:4] == ["created", "in_progress", "output_item.added", "fusion_call.in_progress"]
    assert seen.count("fusion_call.panel.added") == 3
    assert seen.count("fusion_call.panel.completed") == 2
    assert seen.count("fusion_call.panel.failed") == 1
    ending = [
        "fusion_call.analysis.in_progress",
        "fusion_call.analysis.completed",
        "fusion_call.completed",
        "output_item.done",
        "output_item.added",
        "content_part.added",
    ]
    at = seen.index(ending[0])
    assert seen[at : at + 6] == ending
    judged = events[at]
    assert judged["analyst_model"] == judged["judge_model"] == JUDGE
    fusion = events[at + 3]["item"]
    assert [each["model"] for each in fusion["responses"]] == [FIRST, SECOND]
    assert [each["model"] for each in fusion["failed_models"]] == [FAILING]
    assert fusion["analysis"]["consensus"] == ["They agree on the essentials."]
    last = events[-1]["response"]
    assert [item["type"] for item in last["output"]] == ["openrouter:fusion", "message"]
    assert last["output"][0] == fusion
    assert last["output"][1]["content"][0]["text"] == "Both have their place here."
    assert last["fusion"]["decision"]["how"] == "synthesis"


async def test_the_pieces_of_a_seat_add_up_to_what_it_is_said_to_have_answered(serve):
    live = await serve(fused())

    events = await streamed(live, model="tritium/fusion")

    for seat, text in ((0, "A heat pump saves more."), (1, "A boiler is cheaper.")):
        told = [event for event in events if event.get("seat") == seat]
        assert "".join(event["delta"] for event in told if event["type"].endswith("panel.delta")) == text
        assert told[-1]["content"] == text


async def test_an_answer_in_one_piece_has_the_fusion_item_too(serve):
    live = await serve(fused())

    response = await create(live, model="tritium/fusion")

    fusion, message = response["output"]
    assert (fusion["type"], fusion["status"]) == ("openrouter:fusion", "completed")
    assert [each["content"] for each in fusion["responses"]] == ["A heat pump saves more.", "A boiler is cheaper."]
    assert message["content"][0]["text"] == "Both have their place here."
    assert response["usage"]["cost"] == response["fusion"]["receipt"]["cost_usd"]


# The SDK has no type for the item; it says so when it writes one out again, and goes on.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_openais_sdk_takes_a_fusion_in_its_stride_also_where_a_seat_fails(serve):
    live = await serve(fused())

    async with live.client.responses.stream(model="tritium/fusion", input=OPEN) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()

    failed = next(event for event in events if event.type == "response.fusion_call.panel.failed")
    assert "429" in failed.model_extra["message"]
    assert final.output_text == "Both have their place here."
    assert final.output[0].type == "openrouter:fusion"


async def test_the_tool_puts_a_panel_behind_any_model_and_that_model_writes(serve):
    live = await serve()
    body = {"model": WRITER, "tools": [TOOL], "tool_choice": "required"}
    check_request({"input": OPEN, **body})

    response = await create(live, **body)

    assert response["model"] == WRITER
    assert [item["type"] for item in response["output"]] == ["openrouter:fusion", "message"]
    run = await live.document(response["id"])
    assert [seat["model"] for seat in run["seats"]] == [FIRST, SECOND, FAILING]
    assert (run["plan"]["judge"], run["plan"]["synthesizer"]) == (JUDGE, WRITER)
    assert response["tools"] == []


async def test_without_a_judge_of_its_own_the_tool_has_the_named_model_judge(serve):
    live = await serve()
    tool = {"type": "openrouter:fusion", "parameters": {"analysis_models": [FIRST, SECOND]}}

    response = await create(live, model=JUDGE, tools=[tool], tool_choice="required")

    run = await live.document(response["id"])
    assert (run["plan"]["judge"], run["plan"]["synthesizer"]) == (JUDGE, JUDGE)


async def test_a_cost_limit_on_server_tools_holds_for_the_panel(serve):
    live = await serve()
    rules = [{"type": "max_cost", "max_cost_in_dollars": 0}]

    reply = await post(live, model=WRITER, tools=[TOOL], tool_choice="required", stop_server_tools_when=rules)

    assert reply.status_code == 402
    assert "max_cost_usd=0" in reply.json()["error"]["message"]


async def test_functions_beside_the_tool_go_to_the_named_model_alone(serve):
    live = await serve()

    response = await create(live, model="scripted/tool=get_clause", tools=[TOOL, GET_CLAUSE])

    assert [item["type"] for item in response["output"]] == ["function_call"]
    assert len(await live.rows(response["id"])) == 1


async def test_the_tool_that_is_chosen_runs_also_where_functions_are_offered(serve):
    live = await serve()
    choice = {"type": "openrouter:fusion"}

    response = await create(live, model=WRITER, tools=[TOOL, GET_CLAUSE], tool_choice=choice)

    assert [item["type"] for item in response["output"]] == ["openrouter:fusion", "message"]


async def test_the_tool_that_must_not_be_called_is_not(serve):
    live = await serve()

    response = await create(live, model=WRITER, tools=[TOOL], tool_choice="none")

    assert [item["type"] for item in response["output"]] == ["message"]


async def test_one_model_that_answers_alone_has_no_fusion_item(serve):
    live = await serve(fused())

    events = await streamed(live, model="tritium/fusion", fusion={"strategy": "single"})

    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message"]
    assert not any(name.startswith("fusion_call") for name in names(events))


async def test_when_nobody_answers_the_item_says_why_and_the_response_fails(serve):
    live = await serve(fused(panel=[FAILING, "scripted/error=500"]))

    events = await streamed(live, model="tritium/fusion", fusion={"quorum": 2})

    failed = events[-1]["response"]
    assert names(events)[-2:] == ["output_item.done", "failed"]
    fusion = failed["output"][0]
    assert (fusion["status"], fusion["failure_reason"]) == ("incomplete", "rate_limited")
    assert [each["status_code"] for each in fusion["failed_models"]] == [429, 502]
    assert failed["error"]["code"] == "server_error"


async def test_when_nobody_answers_a_whole_request_gets_its_status(serve):
    live = await serve(fused(panel=[FAILING, FAILING]))

    reply = await post(live, model="tritium/fusion", fusion={"quorum": 2})

    assert reply.status_code == 429
    assert reply.json()["error_type"] == "rate_limit_exceeded"
    assert reply.headers["x-generation-id"].startswith("gen-")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"analysis_models": ["a/b"] * 9}, "length <= 8"),
        ({"analysis_models": []}, "length >= 1"),
        ({"analysis_model": ["a/b"]}, "analysis_models"),
        ({"max_tool_calls": 17}, "<= 16"),
        ({"analysis_models": ["nobody/m"]}, "nobody/m"),
    ],
)
async def test_a_wrong_parameter_of_the_tool_is_refused(serve, parameters, says):
    live = await serve()

    reply = await post(live, model=WRITER, tools=[{"type": "openrouter:fusion", "parameters": parameters}])

    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]
