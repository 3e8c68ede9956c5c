"""What happens when a part of a fusion fails: each rung of the ladder, and a ledger that equals what was billed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import openai
import pytest

PARIS = "scripted/say=The%20capital%20of%20France%20is%20Paris."
OPEN = "Write about the sea in two sentences, please, and compare it with the desert."
CLOSED = "What is 17 times 3? Answer with a number."
DRAFT_A = "scripted/words=30"
DRAFT_B = "scripted/words=31"
DRAFT_C = "scripted/words=32"


async def ask(live: Any, question: str = OPEN, *, stream: bool = False, **fusion: Any) -> tuple[Any, dict[str, Any]]:
    """The SDK's answer and the run behind it."""
    answer = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": question}],
        extra_body={"fusion": fusion},
        stream=stream,
    )
    return answer, await live.document(answer.id)


def text(answer: Any) -> str:
    return answer.choices[0].message.content


async def test_a_seat_that_fails_fails_alone(serve):
    live = await serve()

    answer, run = await ask(live, CLOSED, panel=["scripted/say=51", "scripted/error=500", "scripted/say=51"])

    assert text(answer) == "51"
    assert [seat["outcome"] for seat in run["seats"]] == ["ok", "failed", "ok"]
    assert run["seats"][1]["status_code"] == 502


async def test_a_lone_survivor_is_not_judged(serve):
    live = await serve()

    answer, run = await ask(live, panel=[DRAFT_A, "scripted/error=429", "scripted/error=500"])

    assert run["decision"]["how"] == "lone_survivor"
    assert text(answer) == run["seats"][0]["text"]
    assert [call["role"] for call in run["receipt"]["calls"]] == ["seat", "seat", "seat"]


async def test_a_seat_that_stalls_is_cut_and_what_it_cost_is_recorded(serve):
    live = await serve()

    answer, run = await ask(
        live, CLOSED, panel=["scripted/say=51", "scripted/say=51", "scripted/stall=3"], grace_seconds=0.05
    )

    assert text(answer) == "51"
    stalled = next(row for row in await live.rows(answer.id) if "stall" in row.model)
    assert stalled.outcome == "cancelled"
    assert stalled.usage.output == 3
    assert stalled.cost_nanodollars == stalled.usage.input * 1000 + 3 * 2000
    assert "not needed" in run["seats"][2]["error"]


async def test_a_seat_that_exceeds_its_timeout_is_told_apart(serve):
    live = await serve()

    _, run = await ask(
        live, panel=[DRAFT_A, "scripted/stall"], quorum=2, seat_timeout_seconds=0.1, strategy="consensus"
    )

    assert run["seats"][1]["outcome"] == "timeout"
    assert "0.1 s" in run["seats"][1]["error"]


async def test_the_deadline_ends_the_wait_with_whoever_has_answered(serve):
    live = await serve()

    _, run = await ask(
        live, panel=[DRAFT_A, "scripted/stall", "scripted/stall"], deadline_seconds=0.2, strategy="consensus"
    )

    assert run["gathering"] == "deadline"
    assert run["decision"]["how"] == "lone_survivor"


async def test_a_seat_that_says_nothing_is_not_a_candidate(serve):
    live = await serve()

    _, run = await ask(live, CLOSED, panel=["scripted/say=51", "scripted/empty", "scripted/say=51"])

    assert run["seats"][1]["outcome"] == "failed"
    assert run["seats"][1]["error"] == "it answered with nothing"
    assert run["decision"]["agreement"] == 1.0


async def test_when_all_fail_the_error_names_each_seat_and_its_reason(serve):
    live = await serve()

    with pytest.raises(openai.APIStatusError) as caught:
        await ask(live, panel=["scripted/error=500", "scripted/error=503"])

    assert caught.value.status_code == 502
    assert "scripted/error=500" in caught.value.message
    assert "scripted/error=503" in caught.value.message


async def test_when_all_are_rate_limited_the_client_is_told_to_back_off(serve):
    live = await serve()

    with pytest.raises(openai.RateLimitError):
        await ask(live, panel=["scripted/error=429", "scripted/error=429"])


async def test_a_selected_candidate_is_returned_word_for_word(serve):
    live = await serve()

    answer, run = await ask(live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=1", seed=7)

    assert run["decision"]["how"] == "judge_select"
    assert text(answer) == run["seats"][run["decision"]["seat"]]["text"]
    assert set(run["analysis"]) == {
        "consensus",
        "contradictions",
        "partial_coverage",
        "unique_insights",
        "blind_spots",
    }


async def test_a_merge_is_written_by_the_synthesizer(serve):
    live = await serve()

    answer, run = await ask(
        live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/say=The%20final%20word"
    )

    assert run["decision"]["how"] == "synthesis"
    assert text(answer) == "The final word"


async def test_an_unreadable_judge_is_asked_once_more_then_the_most_central_answer_wins(serve):
    live = await serve()

    answer, run = await ask(live, panel=[DRAFT_A, DRAFT_B, "scripted/say=Zzz"], judge="scripted/garbage", quorum=3)

    roles = [call["role"] for call in run["receipt"]["calls"]]
    assert roles.count("judge") >= 1
    assert roles.count("repair") >= 1
    assert run["decision"]["how"] in ("central", "synthesis", "judge_select")
    assert text(answer) != "Zzz"


async def test_when_every_judge_is_unreadable_the_most_central_answer_wins(serve):
    live = await serve()
    panel = ["scripted/garbage;words=1", "scripted/garbage;words=2"]

    answer, run = await ask(live, panel=panel, judge="scripted/garbage")

    assert run["decision"]["how"] == "central"
    assert text(answer) == run["seats"][0]["text"]


async def test_a_judge_that_is_down_leaves_the_synthesis_without_analysis(serve):
    live = await serve()

    _, run = await ask(
        live,
        panel=[DRAFT_A, DRAFT_B],
        judge="scripted/error=500",
        synthesizer="scripted/say=Written%20all%20the%20same",
    )

    assert any("scripted/error=500" in warning for warning in run["warnings"])
    assert run["decision"]["how"] in ("synthesis", "central")


async def test_a_synthesizer_that_dies_before_its_first_word_yields_to_the_most_central_answer(serve):
    live = await serve()

    answer, run = await ask(
        live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/words=20;die=0"
    )

    assert run["decision"]["how"] == "central"
    assert text(answer) in {seat["text"] for seat in run["seats"]}


async def test_a_synthesizer_that_dies_midway_yields_when_nothing_was_sent_yet(serve):
    live = await serve()

    answer, run = await ask(
        live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/words=40;die=30"
    )

    assert run["decision"]["how"] == "central"
    assert text(answer) in {seat["text"] for seat in run["seats"]}


async def test_a_synthesizer_that_dies_midway_ends_a_stream_with_an_error_chunk(serve):
    live = await serve()
    stream = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": OPEN}],
        stream=True,
        extra_body={
            "fusion": {
                "panel": [DRAFT_A, DRAFT_B],
                "judge": "scripted/judge=0",
                "synthesizer": "scripted/words=60;die=40",
            }
        },
    )

    said, failure = "", None
    try:
        async for chunk in stream:
            said += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        failure = error

    assert said
    assert failure is not None
    assert "broke off" in str(failure)


async def test_a_synthesis_that_refuses_while_two_answered_is_dropped(serve):
    live = await serve()

    _, run = await ask(live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/refuse")

    assert run["decision"]["how"] == "central"
    assert any("refuses" in warning for warning in run["warnings"])


async def test_a_synthesis_of_more_than_twice_the_median_length_is_dropped(serve):
    live = await serve()

    _, run = await ask(live, panel=[DRAFT_A, DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/words=300")

    assert run["decision"]["how"] == "central"
    assert any("twice as long" in warning for warning in run["warnings"])


async def test_an_attacking_seat_does_not_move_a_judge_that_obeys_whatever_is_outside_the_fence(serve):
    live = await serve()

    answer, run = await ask(
        live, panel=[DRAFT_A, "scripted/inject", DRAFT_B], judge="scripted/obey", synthesizer="scripted/obey", quorum=3
    )

    assert "PWNED" not in text(answer)
    assert "PWNED" in run["seats"][1]["text"]


async def test_the_ledger_equals_what_the_script_billed(serve):
    live = await serve()

    answer, run = await ask(
        live, panel=["scripted/words=30;price=3:15", DRAFT_B], judge="scripted/judge=0", synthesizer="scripted/words=25"
    )

    rows = await live.rows(answer.id)
    assert {row.role for row in rows} == {"seat", "judge", "synthesizer"}
    for row in rows:
        into, out = (3000, 15000) if "price=3:15" in row.model else (1000, 2000)
        assert row.cost_nanodollars == row.usage.input * into + row.usage.output * out
    total = sum(row.cost_nanodollars for row in rows)
    assert answer.usage.cost == total / 1e9
    assert run["receipt"]["cost_usd"] == total / 1e9
    assert answer.usage.completion_tokens == sum(row.usage.output for row in rows)


async def test_an_unknown_price_makes_the_cost_null_and_not_zero(serve):
    live = await serve()

    answer, run = await ask(live, CLOSED, panel=["scripted/say=51;price=unknown", "scripted/say=51"])

    assert answer.usage.cost is None
    assert run["receipt"]["cost_usd"] is None


@pytest.mark.parametrize(
    ("stage", "fusion"),
    [
        ("panel", {"panel": ["scripted/stall", "scripted/stall=2"]}),
        ("judge", {"panel": [DRAFT_A, DRAFT_B], "judge": "scripted/stall=2"}),
        (
            "synthesizer",
            {"panel": [DRAFT_A, DRAFT_B], "judge": "scripted/judge=0", "synthesizer": "scripted/words=60;stall=40"},
        ),
    ],
)
async def test_a_client_that_leaves_cancels_everything_and_the_run_says_so(serve, stage, fusion):
    live = await serve()
    stream = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": OPEN}],
        stream=True,
        extra_body={"fusion": {**fusion, "events": True}},
    )
    run_id = None
    async for chunk in stream:
        run_id = chunk.id
        event = (chunk.model_extra or {}).get("fusion") or {}
        if event.get("type") == f"{stage}.started" or (stage == "panel" and event.get("type") == "seat.started"):
            break
    await asyncio.sleep(0.05)
    await stream.close()

    async with asyncio.timeout(5):
        while (run := await live.document(run_id))["outcome"] == "running":  # noqa: ASYNC110 - a row in a table
            await asyncio.sleep(0.01)
    rows = await live.rows(run_id)
    assert run["outcome"] == "cancelled"
    assert any(row.outcome == "cancelled" for row in rows)
    assert len(rows) == len(run["receipt"]["calls"])
    assert all(row.cost_nanodollars is not None for row in rows)


async def test_every_seats_socket_closes_within_100_ms_after_the_client_left(serve, upstream):
    upstream.hold = True
    live = await serve({"providers": {"vendor": {"base_url": upstream.url, "free": True}}})
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": OPEN}],
        "fusion": {"panel": ["vendor/a", "vendor/b", "vendor/c"]},
    }

    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.post(f"{live.url}/v1/chat/completions", json=body, timeout=30))
        async with asyncio.timeout(5):
            while len(upstream.requests) < 3:  # noqa: ASYNC110 - the server is not ours to signal from
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        asking.cancel()
        left = time.monotonic()
    async with asyncio.timeout(5):
        while len(upstream.closed_at) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    assert max(upstream.closed_at) - left < 0.1


async def test_one_model_alone_is_held_to_its_time_as_well(serve):
    live = await serve()

    with pytest.raises(openai.InternalServerError, match=r"0\.2 s"):
        await ask(live, panel=["scripted/stall"], strategy="single", seat_timeout_seconds=0.2)


async def test_with_tools_the_next_model_answers_when_the_strongest_is_down(serve):
    live = await serve()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]

    answer = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": OPEN}],
        tools=tools,
        extra_body={"fusion": {"panel": ["scripted/error=500", "scripted/tool=f"], "tools": "passthrough"}},
    )

    assert answer.choices[0].message.tool_calls[0].function.name == "f"
    assert [row.outcome for row in await live.rows(answer.id)] == ["failed", "ok"]


async def test_when_every_seat_refuses_the_request_asking_again_is_not_advised(serve):
    live = await serve()

    with pytest.raises(openai.BadRequestError):
        await ask(live, panel=["scripted/error=400", "scripted/error=422"])


async def test_a_cut_seat_is_billed_what_its_script_says_also_before_its_first_word(serve):
    live = await serve()

    panel = ["scripted/say=51", "scripted/say=51;delay=9000", "scripted/die=0"]
    answer, _ = await ask(live, CLOSED, panel=panel, deadline_seconds=0.3)

    rows = {row.model: row for row in await live.rows(answer.id)}
    asked = rows["scripted/say=51"].usage.input
    for model in ("scripted/say=51;delay=9000", "scripted/die=0"):
        assert (rows[model].usage.input, rows[model].usage.output, rows[model].usage.estimated) == (asked, 0, False)


async def test_a_failed_runs_id_is_in_its_error(serve):
    live = await serve()

    with pytest.raises(openai.InternalServerError) as caught:
        await ask(live, panel=["scripted/error=500"])

    run_id = caught.value.response.headers["x-generation-id"]
    assert (await live.document(run_id))["outcome"] == "failed"
