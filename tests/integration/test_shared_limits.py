"""Several processes spending one limit: together they stay within it, whatever the database, and whoever dies."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tritium.accounts.accounts import Accounts
from tritium.accounts.allowance import Allowance
from tritium.catalog.build import build_catalog
from tritium.chat import ChatRequest, Usage, collect
from tritium.config import parse_config
from tritium.errors import BudgetExceeded, LimitsUnknown, PermissionDenied
from tritium.gateway import Gateway
from tritium.ledger.allowances import EVERYBODY, Allowances, Purse
from tritium.ledger.generations import Generations
from tritium.ledger.reservations import LOST, settle_the_dead
from tritium.ledger.sums import Sums
from tritium.ledger.writer import LedgerWriter
from tritium.model import Generation, new_call
from tritium.providers.http import HttpTransport
from tritium.storage.database import Database

COST = 3 * 1000 + 5 * 2000
"""Nano-dollars of a call of `asking`; what is set aside for it is between this and three times as much."""


class Replica:
    """One process's worth of a gateway."""

    def __init__(self, accounts: Accounts, database: Database) -> None:
        self.accounts = accounts
        self.database = database
        self.table = Allowances(database)
        catalog = build_catalog(parse_config({}), {}, {}, {}, HttpTransport())
        self.gateway = Gateway(catalog, accounts.writer, accounts.admission)

    async def ask(self, caller: str, model: str = "scripted/words=5") -> bool:
        """Whether there was money for it."""
        request = ChatRequest.build(model, [{"role": "user", "content": "One two three"}], max_tokens=5)
        try:
            async with self.gateway.chat(request, caller=caller) as chunks:
                await collect(chunks)
        except (BudgetExceeded, PermissionDenied):
            return False
        return True

    async def counted(self, caller: str | None) -> int:
        await self.accounts.writer.aflush()
        return await asyncio.to_thread(Sums(self.database).counted, caller, 0)

    def committed(self, name: str) -> int:
        return sum(amount for purse, amount in self.table.committed().items() if purse.name == name)

    def end(self) -> None:
        self.accounts.writer.close()
        self.accounts.admission.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path) -> Any:
    """Of a database that several processes use."""
    if request.param == "sqlite":
        return tmp_path / "tritium.db"
    return request.getfixturevalue("postgresql_database")


@pytest.fixture
def replicas(location, tmp_path) -> Iterator[Callable[..., list[Replica]]]:
    with ExitStack() as stack:

        def start(count: int, **config: Any) -> list[Replica]:
            found = []
            for number in range(count):
                impatient = location if isinstance(location, Path) else f"{location}?options=-c%20lock_timeout%3D200"
                database = stack.enter_context(closing(Database.open(impatient, busy_seconds=1)))
                folder = tmp_path / f"replica {number}"
                settings = parse_config({"data_dir": str(folder), "server": {"workers": 2}, **config})
                accounts = Accounts.open(settings, {}, database, LedgerWriter(database))
                found.append(Replica(accounts, database))
                stack.callback(found[-1].end)
            return found

        yield start


async def make_key(all_: list[Replica], limit: int | None, **fields: Any) -> str:
    use, _ = await all_[0].accounts.create("team", limit_nanodollars=limit, **fields)
    for each in all_:
        await asyncio.to_thread(each.accounts.keyring.load)
    return use.key.hash


async def hammer(all_: list[Replica], caller: str, counted_as: str | None, calls: int, most: int) -> int:
    """Ask of all at once, while somebody looks at the ledger; returns how many answers there were."""
    over: list[int] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            spent = await asyncio.to_thread(Sums(all_[0].database).counted, counted_as, 0)
            committed = await asyncio.to_thread(all_[0].committed, counted_as or EVERYBODY)
            over.extend(each for each in (spent, committed) if each > most)

    watching = asyncio.create_task(watch())
    told = await asyncio.gather(*(each.ask(caller, "scripted/words=5;delay=5") for each in all_ for _ in range(calls)))
    done.set()
    await watching
    assert over == []
    return told.count(True)


async def test_four_that_ask_at_once_stay_within_a_keys_limit(replicas):
    all_ = replicas(4)
    limit = 40 * COST
    caller = await make_key(all_, limit)

    answered = await hammer(all_, caller, caller, 60, limit)
    assert 10 <= answered <= 40
    for _ in range(60):  # what was set aside too much has come back, and the last of it can be spent by anybody
        for each in all_:
            answered += await each.ask(caller)
        await asyncio.gather(*(each.counted(caller) for each in all_))
        await asyncio.gather(*(asyncio.to_thread(each.accounts.keyring.load) for each in all_))

    spent = [await each.counted(caller) for each in all_][-1]
    assert spent == answered * COST
    assert limit - 3 * COST <= spent <= limit
    assert all_[0].committed(caller) == spent + sum(_slice(each, caller).left for each in all_)


async def test_four_that_ask_at_once_stay_within_a_days_budget(replicas):
    all_ = replicas(4, guardrails={"budget_per_day_usd": 40 * COST / 1e9})
    caller = await make_key(all_, None)

    answered = await hammer(all_, caller, None, 60, 40 * COST)

    assert 10 <= answered <= 40


async def test_a_key_and_the_budget_are_both_held_to(replicas):
    all_ = replicas(2, guardrails={"budget_per_day_usd": 100 * COST / 1e9})
    caller = await make_key(all_, 20 * COST)

    answered = await hammer(all_, caller, caller, 40, 20 * COST)
    await asyncio.gather(*(each.counted(caller) for each in all_))

    assert 4 <= answered <= 20
    assert all_[0].table.count_anew(_slice(all_[0], caller).purse) == all_[0].committed(caller)
    spent = await all_[0].counted(None)
    (everybody,) = [amount for purse, amount in all_[0].table.committed().items() if purse.name == EVERYBODY]
    budgets = [each.accounts.admission.spending for each in all_]
    assert everybody == spent + sum(each._slice.left for each in budgets)


async def test_far_from_its_limit_a_call_asks_nobody(replicas):
    (one,) = replicas(1)
    caller = await make_key([one], 10**12)
    assert await one.ask(caller)
    given = one.committed(caller)
    for _ in range(50):
        assert await one.ask(caller)
    await one.accounts.writer.aflush()
    assert one.committed(caller) == given, "all of it came from the first slice"


async def test_a_call_of_unknown_cost_counts_what_was_set_aside(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9)

    assert await one.ask(caller, "scripted/words=5;price=unknown")

    assert await one.counted(caller) == 50_000_000
    assert one.table.count_anew(_slice(one, caller).purse) == one.committed(caller)
    assert one.committed(caller) == 50_000_000 + _slice(one, caller).left


async def test_what_a_call_costs_above_its_worst_case_is_owed_by_the_limit(replicas):
    """The documented tolerance: one call's difference, and not a nano-dollar more after it."""
    one, two = replicas(2)
    caller = await make_key([one, two], 100_000)
    permit = one.accounts.admission.enter(caller, ["a/b"], "a/b")
    call = new_call(one.accounts.writer, caller=caller, permit=permit)
    held = await permit.hold(call, "a/b", "a", Usage(1), lambda _: 90_000)
    row = _row(call, cost=130_000)
    one.accounts.writer.generation(row)
    permit.settle(held, row)
    await one.accounts.writer.aflush()

    assert await one.counted(caller) == one.committed(caller) == 130_000
    for each in (one, two):
        with pytest.raises(BudgetExceeded):
            await hold(each, caller, 1)


async def test_a_call_may_take_all_that_is_left(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 100_000)
    for each, amount in ((one, 60_000), (two, 40_000)):
        await hold(each, caller, amount)
    for each in (one, two):
        with pytest.raises(BudgetExceeded, match=r"\$0\.000000 of the key's limit are left"):
            await hold(each, caller, 1)


async def test_what_the_one_doesnt_use_the_other_gets(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 100_000)
    permit = _Permits(one, caller)
    call = new_call(one.accounts.writer, caller=caller)
    held = await permit.hold(call, "a", "a", Usage(1), _of(95_000))
    with pytest.raises(BudgetExceeded):
        await hold(two, caller, 50_000)

    row = _row(call, cost=10_000)
    one.accounts.writer.generation(row)
    permit.settle(held, row)
    await one.accounts.writer.aflush()
    await asyncio.sleep(0.15)  # a refusal holds for a tenth of a second

    await hold(two, caller, 50_000)


async def test_a_slice_that_nobody_draws_from_goes_back(replicas, monkeypatch):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9)
    assert await one.ask(caller)
    kept = _slice(one, caller)
    assert kept.left > 10**7
    await one.accounts.writer.aflush()
    assert one.committed(caller) == kept.left + COST

    kept.drawn_at -= 60
    _allowance(one, caller).rest()
    await one.accounts.writer.aflush()

    assert kept.left == 0
    assert one.committed(caller) == COST


async def test_a_limit_that_is_lowered_holds_for_what_is_left(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9)
    for each in (one, two):
        assert await each.ask(caller)
    await one.accounts.change(caller, {"limit_nanodollars": 3 * COST})
    await asyncio.to_thread(two.accounts.keyring.load)
    await asyncio.sleep(0.15)

    answered = [await each.ask(caller) for _ in range(4) for each in (one, two)]

    assert answered.count(True) <= 1
    assert await one.counted(caller) <= 3 * COST


async def test_a_new_period_begins_with_all_of_the_limit(replicas, monkeypatch):
    one, two = replicas(2)
    caller = await make_key([one, two], 3 * COST, limit_reset="daily")
    while await one.ask(caller):
        pass
    await one.accounts.writer.aflush()
    day = 86_400
    begins = _slice(one, caller).purse.begins
    clock = time.time
    monkeypatch.setattr("tritium.accounts.allowance.time.time", lambda: clock() + day)
    await asyncio.sleep(0.11)

    assert await two.ask(caller)

    purses = {purse for purse in two.table.committed() if purse.name == caller}
    assert purses == {Purse(caller, begins + day)}


async def test_a_process_that_ends_gives_back_its_slices(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9)
    assert await one.ask(caller)
    one.end()
    assert two.committed(caller) == COST
    with two.database.reading() as connection:
        assert connection.values("SELECT name FROM processes") == []


async def test_a_replica_that_comes_later_leaves_the_calls_of_the_others_alone(replicas):
    """Its data folder is another one; who lives, and who doesn't, is told by the database."""
    (one,) = replicas(1)
    caller = await make_key([one], 10**9)
    request = ChatRequest.build("scripted/stall=2", [{"role": "user", "content": "One two three"}], max_tokens=5)
    exchange = one.gateway.chat(request, caller=caller)
    async with exchange as chunks:
        await anext(chunks)
        await one.accounts.writer.aflush()

        (two,) = replicas(1)

        assert Generations(two.database).of_request(exchange.call.id) == []
        assert await two.counted(caller) > COST
    await one.accounts.writer.aflush()
    (row,) = Generations(two.database).of_request(exchange.call.id)
    assert (row.outcome, row.error) == ("cancelled", None)
    assert await two.counted(caller) == row.cost_nanodollars


async def test_a_call_that_was_taken_for_lost_is_found_again_when_it_is_settled(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9)
    request = ChatRequest.build("scripted/stall=2", [{"role": "user", "content": "One two three"}], max_tokens=5)
    exchange = one.gateway.chat(request, caller=caller)
    async with exchange as chunks:
        await anext(chunks)
        await one.accounts.writer.aflush()
        settle_the_dead(two.database, lambda _name, _began: True)  # as if it had been out of touch for long
        for owner in two.table.owners():
            two.table.take_back(owner)
        one.accounts.admission._till._void()
        (row,) = Generations(two.database).of_request(exchange.call.id)
        assert row.error == LOST
    await one.accounts.writer.aflush()

    (row,) = Generations(two.database).of_request(exchange.call.id)
    assert (row.outcome, row.error) == ("cancelled", None)
    assert await two.counted(caller) == two.committed(caller) == row.cost_nanodollars
    assert await one.ask(caller)
    await one.accounts.writer.aflush()
    assert two.committed(caller) == await two.counted(caller) + _slice(one, caller).left


async def test_a_limit_given_later_counts_what_is_spent_and_set_aside_by_all(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], None)
    assert await one.ask(caller)
    await one.accounts.writer.aflush()
    await two.accounts.change(caller, {"limit_nanodollars": COST + 1})
    assert not await two.ask(caller)


async def test_what_was_spent_while_there_was_no_limit_counts_when_there_is_one_again(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 100 * COST)
    assert await one.ask(caller)
    await one.accounts.change(caller, {"limit_nanodollars": None})
    for _ in range(9):
        assert await one.ask(caller)
    await one.accounts.change(caller, {"limit_nanodollars": 10 * COST})
    await asyncio.to_thread(two.accounts.keyring.load)

    assert not await one.ask(caller), "ten were asked already"
    assert not await two.ask(caller)
    assert await one.counted(caller) == 10 * COST


async def test_a_limit_that_is_renewed_at_other_times_leaves_nothing_behind(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 10**9, limit_reset="daily")
    for reset in ("monthly", "daily"):
        assert await one.ask(caller)
        await one.accounts.change(caller, {"limit_reset": reset})
    assert await one.ask(caller)
    await one.accounts.writer.aflush()

    purse = _slice(one, caller).purse
    assert one.table.count_anew(purse) == 3 * COST + _slice(one, caller).left


async def test_a_spent_key_is_refused_at_the_door_by_all(replicas):
    one, two = replicas(2)
    caller = await make_key([one, two], 3 * COST)
    for each in (one, two):
        amount = 2 * COST if each is one else COST
        await hold(each, caller, amount)
    await asyncio.gather(*(asyncio.to_thread(each.accounts.keyring.load) for each in (one, two)))
    for each in (one, two):
        with pytest.raises(BudgetExceeded, match="are spent, or set aside"):
            each.accounts.admission.enter(caller, ["a/b"], "a/b")


# ---------------------------------------------------------------- a database that is away


@contextmanager
def locked(location: Any) -> Iterator[None]:
    """Somebody keeps everybody from writing."""
    if isinstance(location, Path):
        with closing(sqlite3.connect(location, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(location) as connection:
            connection.execute("LOCK TABLE allowances IN ACCESS EXCLUSIVE MODE")
            yield


async def test_without_the_database_what_was_set_aside_can_be_spent_and_no_more(replicas, location):
    (one,) = replicas(1)
    caller = await make_key([one], 1000 * COST)
    assert await one.ask(caller)
    answered = 0

    async def until_refused() -> None:
        nonlocal answered
        while await one.ask(caller):
            answered += 1

    with locked(location):
        with pytest.raises(LimitsUnknown) as caught:
            await until_refused()
        with pytest.raises(LimitsUnknown):  # at once: nobody waits for it again so soon
            await one.ask(caller)

    assert answered >= 20
    assert _slice(one, caller).left < 3 * COST
    assert (caught.value.http_status, caught.value.retry_after_seconds) == (503, 1.0)
    async with asyncio.timeout(10):
        while not await answers(one, caller):  # noqa: ASYNC110 nothing to wait for
            await asyncio.sleep(0.1)
    await one.accounts.writer.aflush()
    failed = [row for row in Generations(one.database).recent(200, caller=caller) if row.outcome == "failed"]
    assert {row.cost_nanodollars for row in failed} == {0}
    assert len(failed) >= 2


async def answers(replica: Replica, caller: str) -> bool:
    try:
        return await replica.ask(caller)
    except LimitsUnknown:
        return False


# ---------------------------------------------------------------- helpers


class _Permits:
    """A permit, whose holds need no request."""

    def __init__(self, replica: Replica, caller: str) -> None:
        self._permit = replica.accounts.admission._permit(
            replica.accounts.admission, replica.accounts.keyring.get(caller)
        )

    async def hold(self, *arguments: Any) -> Any:
        return await self._permit.hold(*arguments)

    def settle(self, *arguments: Any) -> None:
        self._permit.settle(*arguments)


async def hold(replica: Replica, caller: str, nanodollars: int) -> None:
    call = new_call(replica.accounts.writer, caller=caller)
    await _Permits(replica, caller).hold(call, "a/b", "a", Usage(1), _of(nanodollars))


def _of(nanodollars: int) -> Callable[[Usage], int]:
    return lambda _: nanodollars


def _allowance(replica: Replica, caller: str) -> Allowance:
    holder = replica.accounts.keyring.get(caller)
    assert holder is not None
    assert isinstance(holder.spending, Allowance)
    return holder.spending


def _slice(replica: Replica, caller: str) -> Any:
    return _allowance(replica, caller)._slice


def _row(call: Any, cost: int) -> Any:
    return Generation(
        id=call.id,
        request_id=call.id,
        model="a/b",
        provider="a",
        role="solo",
        created_at=time.time(),
        usage=Usage(1),
        cost_nanodollars=cost,
        outcome="ok",
        finish_reason="stop",
        streamed=False,
        first_token_ms=None,
        latency_ms=1.0,
        caller=call.caller,
    )
