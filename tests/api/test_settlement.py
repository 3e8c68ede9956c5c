"""However a call of a limited key ends, it is settled once: nothing stays set aside, what counts is the ledger's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

KINDS = {"alone": {}, "one of several": {"server": {"workers": 2}}}
"""Limits that one process has to itself, and limits that several divide among them."""
LIMIT = 10**9
BUDGET = {"guardrails": {"budget_per_day_usd": 5.0}}
CHAT = "/api/v1/chat/completions"


class Key:
    """A gateway, and a limited key for it."""

    def __init__(self, live: Any, key_hash: str, secret: str) -> None:
        self.live = live
        self.hash = key_hash
        self.headers = {"authorization": f"Bearer {secret}"}

    async def ask(self, model: str, *, stream: bool = False, **more: Any) -> httpx2.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "One two three"}], "max_tokens": 50}
        headers = {**self.headers, **more.pop("headers", {})}
        async with httpx2.AsyncClient(timeout=20) as client:
            return await client.post(self.live.url + CHAT, json={**body, "stream": stream, **more}, headers=headers)

    async def leave(self, model: str, *, stream: bool, seconds: float = 0.15, **more: Any) -> None:
        """Ask, and hang up after so long."""
        asking = asyncio.create_task(self.ask(model, stream=stream, **more))
        await asyncio.sleep(seconds)
        asking.cancel()
        await asyncio.wait([asking])

    async def rows(self) -> list[Any]:
        ledger = self.live.running.records
        await self.live.running.ledger.aflush()
        return await asyncio.to_thread(ledger._generations.recent, 100, caller=self.hash)

    async def settled(self, calls: int) -> list[Any]:
        """The rows, once there are so many; and nothing is open or counted twice."""
        async with asyncio.timeout(10):
            while len(rows := await self.rows()) < calls:  # noqa: ASYNC110 a row in a table
                await asyncio.sleep(0.01)
        assert len({row.id for row in rows}) == len(rows) == calls
        known = sum(row.cost_nanodollars for row in rows)
        accounts = self.live.running.accounts
        assert (await accounts.use(self.hash)).counted == known
        assert await asyncio.to_thread(accounts.book.sums.counted, None, 0) == known
        spending, budget = accounts.keyring.get(self.hash).spending, accounts.admission.spending
        await asyncio.to_thread(accounts.keyring.load)
        now = max(row.created_at for row in rows)
        assert spending.left(LIMIT, now) == LIMIT - known
        assert budget.left(5 * LIMIT, now) == 5 * LIMIT - known
        return rows


@pytest.fixture(params=KINDS)
async def key(request, serve) -> Any:
    async def start(**config: Any) -> Key:
        live = await serve({**KINDS[request.param], **BUDGET, **config})
        use, secret = await live.running.accounts.create("team", limit_nanodollars=LIMIT)
        return Key(live, use.key.hash, secret)

    return start


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer(key, stream):
    team = await key()
    assert (await team.ask("scripted/words=5", stream=stream)).status_code == 200
    (row,) = await team.settled(1)
    assert row.cost_nanodollars == 3 * 1000 + 5 * 2000


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["scripted/stall", "scripted/stall=3", "scripted/words=9;delay=5000"])
async def test_a_client_that_leaves(key, model, stream):
    team = await key()
    await team.leave(model, stream=stream)
    (row,) = await team.settled(1)
    assert row.outcome == "cancelled"
    assert row.cost_nanodollars > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "cost"), [("scripted/error=503", 0), ("scripted/words=9;die=4", 3 * 1000 + 4 * 2000)]
)
async def test_a_provider_that_dies(key, model, cost, stream):
    team = await key()
    await team.ask(model, stream=stream)
    (row,) = await team.settled(1)
    assert (row.outcome, row.cost_nanodollars) == ("failed", cost)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fallback_counts_each_call_once(key, stream):
    team = await key()
    models = ["scripted/error=503", "scripted/words=5"]
    assert (await team.ask(models[0], models=models, stream=stream)).status_code == 200
    rows = await team.settled(2)
    assert sorted(row.outcome for row in rows) == ["failed", "ok"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fusion_with_a_seat_that_dies_and_one_that_is_late(key, stream):
    team = await key()
    fusion = {
        "panel": ["scripted/say=7", "scripted/say=7", "scripted/words=9;die=2", "scripted/stall=1"],
        "strategy": "vote",
        "quorum": 2,
        "grace_seconds": 0.05,
    }
    answer = await team.ask("tritium/fusion", fusion=fusion, stream=stream)
    assert answer.status_code == 200, answer.text
    rows = await team.settled(4)
    assert sorted(row.outcome for row in rows) == ["cancelled", "failed", "ok", "ok"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_a_fusion(key, stream):
    team = await key()
    fusion = {
        "panel": ["scripted/say=7", "scripted/stall=2", "scripted/delay=9000"],
        "strategy": "consensus",
        "quorum": 3,
    }
    await team.leave("tritium/fusion", fusion=fusion, stream=stream)
    rows = await team.settled(3)
    assert sorted(row.outcome for row in rows) == ["cancelled", "cancelled", "ok"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_kept_answer_costs_nothing_and_says_so(key, stream):
    team = await key()
    told = [await team.ask("scripted/words=5", stream=stream, headers={"x-openrouter-cache": "true"}) for _ in range(3)]
    assert [each.headers["x-openrouter-cache-status"] for each in told] == ["MISS", "HIT", "HIT"]
    assert '"cost":0' in told[1].text.replace(" ", "")
    rows = await team.settled(3)
    assert sorted(row.cost_nanodollars for row in rows) == [0, 0, 13_000]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_spent_key_is_given_no_kept_answer_for_money(key, stream):
    """A hit costs nothing, but it is the key's limit that lets a caller in."""
    team = await key()
    await team.ask("scripted/words=5", stream=stream, headers={"x-openrouter-cache": "true"})
    await team.live.running.accounts.change(team.hash, {"limit_nanodollars": 1})
    answer = await team.ask("scripted/words=5", stream=stream, headers={"x-openrouter-cache": "true"})
    assert answer.status_code == 402


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_a_guardrail_blocks_has_cost_what_it_cost(key, stream):
    team = await key(guardrails={"budget_per_day_usd": 5.0, "output": {"email": "block"}})
    await team.ask("scripted/say=to%20a@b.de", stream=stream)
    (row,) = await team.settled(1)
    assert row.cost_nanodollars > 3 * 1000


async def test_vectors(key):
    team = await key()
    async with httpx2.AsyncClient() as client:
        for _ in range(2):
            body = {"model": "scripted/price=3:0", "input": "One two three"}
            answer = await client.post(f"{team.live.url}/api/v1/embeddings", json=body, headers=team.headers)
            assert answer.status_code == 200, answer.text
    rows = await team.settled(2)
    assert all(row.cost_nanodollars == 9000 for row in rows)


async def test_many_at_once(key):
    team = await key()
    models = ["scripted/words=5", "scripted/words=9;die=4", "scripted/error=503"]
    await asyncio.gather(
        *(team.ask(models[number % 3], stream=bool(number % 2)) for number in range(60)),
        *(team.leave("scripted/stall=3", stream=bool(number % 2), seconds=2) for number in range(10)),
    )
    async with asyncio.timeout(10):
        while team.live.connections:  # noqa: ASYNC110 the server's
            await asyncio.sleep(0.01)
    left = [row for row in await team.rows() if row.outcome == "cancelled"]
    assert 1 <= len(left) <= 10, "who had not been heard yet costs nothing"
    await team.settled(60 + len(left))
