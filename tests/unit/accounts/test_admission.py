"""Reservations in the ledger: written, dropped when settled, and settled for processes that are gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tritium.chat import ChatRequest, Usage, collect
from tritium.errors import BudgetExceeded, PermissionDenied, RateLimited
from tritium.gateway import Gateway
from tritium.ledger.allowances import Moves
from tritium.ledger.generations import Generations
from tritium.ledger.reservations import LOST, Reservation, keep
from tritium.model import new_call


def asking(model: str = "scripted/words=5", **fields: Any) -> ChatRequest:
    return ChatRequest.build(model, [{"role": "user", "content": "One two three"}], max_tokens=5, **fields)


@pytest.fixture
def gateway_of(catalog_of):
    def make(accounts: Any) -> Gateway:
        panel = {"kind": "fusion", "panel": ["scripted/say=7", "scripted/say=7"], "strategy": "vote"}
        return Gateway(catalog_of(both=panel), accounts.writer, accounts.admission)

    return make


def reservations(database) -> list[Any]:
    with database.reading() as connection:
        return connection.rows("SELECT * FROM reservations")


async def answered(gateway: Gateway, caller: str, model: str = "scripted/words=5") -> None:
    async with gateway.chat(asking(model), caller=caller) as chunks:
        await collect(chunks)


async def test_what_is_set_aside_is_in_the_ledger_while_the_call_lasts_and_gone_after_it(
    accounts, database, gateway_of
):
    here = accounts()
    use, _ = await here.create("team", limit_nanodollars=10**9)
    exchange = gateway_of(here).chat(asking("scripted/stall=2"), caller=use.key.hash)

    async with exchange as chunks:
        await anext(chunks)
        await here.writer.aflush()
        (row,) = reservations(database)
        assert (row["id"], row["caller"], row["model"]) == (exchange.call.id, use.key.hash, "scripted/stall=2")
        during = (await here.use(use.key.hash)).counted
        assert during == row["nanodollars"] > 0
    await here.writer.aflush()
    assert reservations(database) == []
    assert 0 < (await here.use(use.key.hash)).counted < during


async def test_a_call_of_a_key_without_a_limit_is_noted_only_while_it_lasts(accounts, database, gateway_of):
    here = accounts()
    use, _ = await here.create("team")

    exchange = gateway_of(here).chat(asking(), caller=use.key.hash)
    async with exchange as chunks:
        await collect(chunks)
    await here.writer.aflush()
    assert reservations(database) == []


async def test_a_call_left_behind_by_a_dead_process_is_lost_once_and_counts_what_was_set_aside(
    accounts, database, gateway_of
):
    first = accounts()
    use, _ = await first.create("team", limit_nanodollars=10**9)
    exchange = gateway_of(first).chat(asking("scripted/stall=2"), caller=use.key.hash)
    chunks = await exchange.__aenter__()
    await anext(chunks)
    await first.writer.aflush()

    living = accounts()  # while the first lives, its call is its own
    assert Generations(database).of_request(exchange.call.id) == []
    first.admission.close()
    for _ in range(2):
        living = accounts()
        (row,) = Generations(database).of_request(exchange.call.id)
        assert (row.outcome, row.cost_nanodollars, row.error, row.caller) == ("failed", None, LOST, use.key.hash)
        (kept,) = reservations(database)
        assert (await living.use(use.key.hash)).counted == kept["nanodollars"]
    await exchange.__aexit__(None, None, None)


async def test_a_settled_call_whose_reservation_was_left_is_counted_once(accounts, database, gateway_of):
    first = accounts()
    use, _ = await first.create("team", limit_nanodollars=10**9)
    await answered(gateway_of(first), use.key.hash)
    spent = (await first.use(use.key.hash)).counted
    (row,) = Generations(database).recent()
    with database.writing() as connection:
        left = Reservation(
            id=row.id,
            request_id=row.id,
            created_at=row.created_at,
            caller=use.key.hash,
            model="m",
            provider="p",
            role="solo",
            streamed=False,
            nanodollars=10**8,
            owner="gone/0",
        )
        keep(connection, [left], [], Moves())

    again = accounts()

    assert (await again.use(use.key.hash)).counted == spent
    assert reservations(database) == []


async def test_the_seats_of_a_fusion_are_held_to_the_limit_together(accounts, gateway_of):
    here = accounts()
    use, _ = await here.create("team", limit_nanodollars=60_000)  # one seat's worst case is about 33,000
    gateway = gateway_of(here)

    await answered(gateway, use.key.hash, "both")
    rows = Generations(here.book.table._database).recent() if await here.writer.aflush() is None else []

    assert sorted(row.outcome for row in rows) == ["failed", "ok"]
    assert sum(row.cost_nanodollars for row in rows) <= 60_000


async def test_parallel_calls_stay_within_the_limit(accounts, gateway_of):
    here = accounts()
    use, _ = await here.create("team", limit_nanodollars=200_000)
    gateway = gateway_of(here)

    async def ask() -> bool:
        try:
            await answered(gateway, use.key.hash, "scripted/words=5;delay=20")
        except BudgetExceeded:
            return False
        return True

    told = await asyncio.gather(*(ask() for _ in range(50)))

    after = await here.use(use.key.hash)
    assert 0 < told.count(True) < 50
    assert after.counted == told.count(True) * (3 * 1000 + 5 * 2000) <= 200_000


async def test_a_limit_given_later_counts_what_was_spent_before(accounts, gateway_of):
    here = accounts()
    use, _ = await here.create("team")
    gateway = gateway_of(here)
    await answered(gateway, use.key.hash)

    await here.change(use.key.hash, {"limit_nanodollars": 13_000})

    with pytest.raises(BudgetExceeded):
        await answered(gateway, use.key.hash)


async def test_a_refused_request_takes_no_turn(accounts, gateway_of):
    here = accounts(guardrails={"input": {"email": "block"}})
    use, _ = await here.create("team", requests_per_minute=1, allowed_models=("scripted/words=5",))
    gateway = gateway_of(here)

    with pytest.raises(PermissionDenied):
        gateway.chat(asking("scripted/words=6"), caller=use.key.hash)
    with pytest.raises(PermissionDenied):
        gateway.chat(
            ChatRequest.build("scripted/words=5", [{"role": "user", "content": "a@b.de"}]), caller=use.key.hash
        )
    await answered(gateway, use.key.hash)
    with pytest.raises(RateLimited) as caught:
        gateway.chat(asking(), caller=use.key.hash)
    assert 0 < caught.value.retry_after_seconds <= 60


async def test_a_days_budget_counts_everybody_and_what_was_spent_before_the_start(accounts, gateway_of):
    first = accounts()
    await answered(gateway_of(first), "local")
    await first.writer.aflush()
    second = accounts(guardrails={"budget_per_day_usd": 0.000013})

    with pytest.raises(PermissionDenied, match="budget"):
        await answered(gateway_of(second), "local")


async def test_vectors_are_held_to_limits_too(accounts):
    here = accounts()
    use, _ = await here.create("team", limit_nanodollars=1_000, allowed_models=("a/*",))

    with pytest.raises(PermissionDenied):
        here.admission.enter(use.key.hash, ["b/c"], "b/c")
    permit = here.admission.enter(use.key.hash, ["a/b"], "a/b")
    with pytest.raises(BudgetExceeded):
        permit.hold(new_call(here.writer), "a/b", "a", Usage(100), lambda _usage: 1_001)
