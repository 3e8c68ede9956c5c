"""A run can be watched from its beginning by whoever may see it, and goes on without its client if it was asked to."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from tests.conftest import listening

from tritium.app import running
from tritium.config import parse_config
from tritium.ledger.generations import Generations
from tritium.ledger.runs import Runs
from tritium.storage.database import Database

SLOW = "scripted/say=It%20is%2051.;delay=200;rate=20"
CLOSED = "What is 17 times 3? Answer with a number."


def asking(*panel, stream=True, **options):
    options = {"panel": list(panel), "strategy": "vote", "quorum": len(panel), **options}
    return {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": CLOSED}],
        "stream": stream,
        "fusion": options,
    }


async def until(true):
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for signals nobody
            await asyncio.sleep(0.005)


async def begun(client, live, body, **headers):
    """Ask, and return when the run's id is known; the answer goes on."""
    request = client.build_request("POST", f"{live.url}/api/v1/chat/completions", json=body, headers=headers)
    reply = await client.send(request, stream=True)
    assert reply.status_code == 200
    return reply, reply.headers["x-generation-id"]


def events_of(text):
    """Ids and events of a stream, without comments and its end."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("id: ")]
    return [(head.removeprefix("id: "), json.loads(data.removeprefix("data: "))) for head, data in blocks]


def told(events, kind, **fields):
    of_kind = [event for _, event in events if event["type"] == kind]
    return "".join(each["text"] for each in of_kind if fields.items() <= each.items())


async def test_whoever_comes_later_is_told_everything_from_the_beginning_to_the_end(serve):
    live = await serve()
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking(SLOW, SLOW, events=True))
        await asyncio.sleep(0.3)
        watched, answered = await asyncio.gather(
            client.get(f"{live.url}/api/v1/fusion/runs/{run_id}/events"), reply.aread()
        )

    events = events_of(watched.text)
    kinds = [event["type"] for _, event in events]
    assert watched.headers["content-type"].startswith("text/event-stream")
    assert (kinds[0], kinds[-1]) == ("plan", "run")
    assert {"seat.started", "seat.delta", "seat.ended", "panel.ended", "vote", "decision", "answer.delta"} <= set(kinds)
    assert told(events, "seat.delta", seat=0) == told(events, "seat.delta", seat=1) == "It is 51."
    assert told(events, "answer.delta") == "It is 51."
    assert {event["run"] for _, event in events} == {run_id}
    assert events[-1][1]["document"] == await live.document(run_id)
    assert watched.text.endswith("data: [DONE]\n\n")
    assert b"It is 51." in answered


async def test_who_lost_sight_of_a_run_is_told_what_came_after(serve):
    live = await serve()
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking(SLOW, SLOW, events=True))
        url = f"{live.url}/api/v1/fusion/runs/{run_id}/events"
        seen = ""
        async with client.stream("GET", url) as first:
            async for text in first.aiter_text():
                seen += text
                if told(events_of(seen), "seat.delta", seat=0):
                    break
        before = events_of(seen)
        rest = await client.get(url, headers={"last-event-id": before[-1][0]})
        await reply.aread()

    after = events_of(rest.text)
    assert "plan" not in [event["type"] for _, event in after]
    for seat in (0, 1):
        assert told(before, "seat.delta", seat=seat) + told(after, "seat.delta", seat=seat) == "It is 51."
    assert after[-1][1]["type"] == "run"


async def test_a_run_that_is_over_is_told_by_its_document(serve):
    live = await serve()
    async with httpx.AsyncClient(timeout=20) as client:
        run_id = (
            await client.post(f"{live.url}/v1/chat/completions", json=asking("scripted/say=51", stream=False))
        ).json()["id"]
        watched = await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}/events")
        nobody = await client.get(f"{live.url}/api/v1/fusion/runs/gen-1/events")

    ((_, event),) = events_of(watched.text)
    assert event["document"]["answer"] == "51"
    assert nobody.status_code == 404


async def test_a_run_under_way_is_listed_and_can_be_read_as_far_as_it_has_come(serve):
    live = await serve()
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking("scripted/say=51", "scripted/stall", events=True))
        await until(lambda: live.running.catalog.commons.live.find(run_id).run.seats[0].text)
        (row,) = (await client.get(f"{live.url}/api/v1/fusion/runs?outcome=running")).json()["data"]
        run = (await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}")).json()["data"]
        await reply.aclose()
        await until(lambda: not len(live.running.catalog.commons.live))
        none = (await client.get(f"{live.url}/api/v1/fusion/runs?outcome=running")).json()["data"]

    assert (row["id"], row["outcome"]) == (run_id, "running")
    assert (run["outcome"], run["seats"][0]["text"], run["answer"]) == ("running", "51", "")
    assert none == []
    assert (await live.document(run_id))["outcome"] == "cancelled"


async def test_thoughts_of_the_seats_are_told_too(serve, upstream, wire):
    thinking = {"index": 0, "delta": {"reasoning": "17 and 17 and 17"}}
    saying = {"index": 0, "delta": {"content": "51"}, "finish_reason": "stop"}
    upstream.reply = wire.events({"choices": [thinking]}, {"choices": [saying]}, b"[DONE]")
    live = await serve({"providers": {"vendor": {"base_url": upstream.url, "free": True}}})

    async with httpx.AsyncClient(timeout=20) as client:
        reply = await client.post(f"{live.url}/v1/chat/completions", json=asking("vendor/a", "vendor/b", events=True))
        responses = await client.post(
            f"{live.url}/api/v1/responses", json={**asking("vendor/a", "vendor/b"), "messages": None, "input": CLOSED}
        )

    events = [json.loads(line[6:]) for line in reply.text.split("\n\n") if line.startswith("data: {")]
    thoughts = [event["fusion"] for event in events if event.get("fusion", {}).get("type") == "seat.reasoning"]
    assert [thought["text"] for thought in thoughts] == ["17 and 17 and 17"] * 2
    assert "response.fusion_call.panel.reasoning.delta" in responses.text


async def test_a_run_is_watched_from_the_command_line(serve):
    live = await serve()
    async with httpx.AsyncClient(timeout=20) as client:
        slow = "scripted/say=It%20is%2051.;delay=2500;rate=20"
        reply, run_id = await begun(client, live, asking(slow, slow, events=True))
        command = [sys.executable, "-m", "tritium", "runs", "watch", "--url", live.url]
        watching = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = await watching.communicate()
        await reply.aread()

    assert watching.returncode == 0
    assert out.decode() == "It is 51.\n"
    assert f"{run_id}: ok" in err.decode()
    assert "seat 2" in err.decode()


# ---------------------------------------------------------------- without the client


async def test_a_run_goes_on_without_its_client_if_it_was_asked_to(serve):
    live = await serve()
    runs = live.running.catalog.commons.live
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking(SLOW, SLOW, events=True, on_disconnect="continue"))
        await reply.aclose()
        await until(lambda: runs.detached == 1)
        watched = await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}/events")

    events = events_of(watched.text)
    run = await live.document(run_id)
    assert (run["outcome"], run["answer"]) == ("ok", "It is 51.")
    assert told(events, "answer.delta") == "It is 51."
    assert [row.outcome for row in await live.rows(run_id)] == ["ok", "ok"]
    assert len(run["receipt"]["calls"]) == 2
    await until(lambda: runs.detached == len(runs) == 0)


async def test_an_answer_in_one_piece_goes_on_without_its_client_too(serve):
    live = await serve()
    runs = live.running.catalog.commons.live
    body = asking(SLOW, SLOW, stream=False, on_disconnect="continue")
    async with httpx.AsyncClient() as client:
        asked = asyncio.create_task(client.post(f"{live.url}/v1/chat/completions", json=body, timeout=20))
        await until(lambda: len(runs) == 1)
        asked.cancel()
        await until(lambda: runs.detached == 1)
        await until(lambda: len(runs) == 0)
        (row,) = (await client.get(f"{live.url}/api/v1/fusion/runs")).json()["data"]

    assert (row["outcome"], row["answer_preview"]) == ("ok", "It is 51.")


@pytest.mark.parametrize("config", [{}, {"runs": {"detached": 0}}])
async def test_a_run_ends_with_its_client_unless_there_is_room_for_it_to_go_on(serve, config):
    live = await serve(config)
    runs = live.running.catalog.commons.live
    options = {"on_disconnect": "continue"} if config else {}
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking("scripted/stall", "scripted/stall", events=True, **options))
        await reply.aclose()
        await until(lambda: len(runs) == 0)

    assert (await live.document(run_id))["outcome"] == "cancelled"
    assert runs.detached == 0


async def test_a_run_without_a_client_has_its_time(serve):
    live = await serve({"runs": {"detached_seconds": 0.1}})
    body = asking("scripted/stall", "scripted/stall", events=True, on_disconnect="continue")
    async with httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, body)
        await reply.aclose()
        await until(lambda: len(live.running.catalog.commons.live) == 0)

    assert (await live.document(run_id))["outcome"] == "cancelled"
    assert [row.outcome for row in await live.rows(run_id)] == ["cancelled", "cancelled"]


# ---------------------------------------------------------------- who may see


async def test_nobody_sees_a_strangers_run_while_it_is_under_way(serve):
    live = await serve()
    _, mine = await live.running.accounts.create("mine")
    _, theirs = await live.running.accounts.create("theirs")
    async with httpx.AsyncClient(timeout=20) as client:
        body = asking("scripted/say=51", "scripted/stall", events=True)
        reply, run_id = await begun(client, live, body, authorization=f"Bearer {mine}")
        answers = {}
        for name, key in (("mine", mine), ("theirs", theirs)):
            headers = {"authorization": f"Bearer {key}"}
            found = await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}", headers=headers)
            listed = await client.get(f"{live.url}/api/v1/fusion/runs", headers=headers)
            answers[name] = found.status_code, len(listed.json()["data"])
        events = await client.get(
            f"{live.url}/api/v1/fusion/runs/{run_id}/events", headers={"authorization": f"Bearer {theirs}"}
        )
        await reply.aclose()

    assert answers == {"mine": (200, 1), "theirs": (404, 0)}
    assert events.status_code == 404


async def test_where_answers_are_screened_a_watcher_is_told_nothing_that_was_not_looked_through(serve):
    live = await serve({"guardrails": {"output": {"email": "redact"}}})
    secret = "scripted/say=Write%20to%20ada%40example.com;delay=150;rate=20"
    async with httpx.AsyncClient(timeout=20) as client:
        body = asking(secret, secret, strategy="consensus")
        request = client.build_request("POST", f"{live.url}/v1/chat/completions", json=body)
        asked = asyncio.create_task(client.send(request))
        runs = live.running.catalog.commons.live
        await until(lambda: len(runs) == 1)
        run_id = next(iter(runs._runs))
        await until(lambda: runs.find(run_id).run.seats[0].text)
        found = await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}")
        watched = await client.get(f"{live.url}/api/v1/fusion/runs/{run_id}/events")
        await asked

    assert found.json()["data"]["outcome"] == "running"
    assert found.json()["data"]["seats"][0]["text"] is None
    ((_, event),) = events_of(watched.text)
    assert event["document"]["answer"] == "Write to [REDACTED:email]"
    assert "ada@example" not in found.text + watched.text


# ---------------------------------------------------------------- the end of the gateway


@pytest.mark.parametrize(("drain_seconds", "outcome"), [(10.0, "ok"), (0.0, "cancelled")])
async def test_a_gateway_that_is_stopped_waits_for_runs_without_a_client_and_no_longer_than_it_is_to(
    serve, tmp_path, drain_seconds, outcome
):
    config = parse_config(
        {
            "data_dir": str(tmp_path / "other"),
            "local": {"enabled": False, "detect_servers": False},
            "runs": {"drain_seconds": drain_seconds},
        }
    )
    async with running(config, {}) as up, listening(up) as live, httpx.AsyncClient(timeout=20) as client:
        reply, run_id = await begun(client, live, asking(SLOW, SLOW, events=True, on_disconnect="continue"))
        await reply.aclose()
        await until(lambda: up.catalog.commons.live.detached == 1)

    database = Database.open(config.database_location({}))
    run = json.loads(Runs(database).get(run_id).document)
    rows = Generations(database).of_request(run_id)
    database.close()
    assert run["outcome"] == outcome
    assert [row.outcome for row in rows] == [outcome] * 2
