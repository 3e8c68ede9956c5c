"""A provider call comes back as it was written down."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import psycopg
import pytest

from tritium.chat import Usage
from tritium.errors import NotFound
from tritium.ledger.generations import Generations


@pytest.fixture
def keep(database):
    def keep(*rows):
        with database.writing() as connection:
            Generations.insert(connection, rows)

    return keep


@pytest.fixture
def generations(database):
    return Generations(database)


def test_every_field_comes_back(generations, keep, generation):
    full = generation(
        "gen-1",
        request_id="gen-0",
        role="judge",
        created_at=1_700_000_000.123456,
        usage=Usage(1, 2, 3, 4, 5, Decimal("0.000123456"), estimated=True),
        cost_nanodollars=123_456,
        outcome="cancelled",
        finish_reason="length",
        streamed=True,
        first_token_ms=0.25,
        latency_ms=1e5,
        error="the provider's own words: Größe, 大きさ",
        caller="key-7",
        status=499,
    )
    keep(full)
    assert generations.get("gen-1") == full


def test_unknown_stays_unknown_and_free_stays_free(generations, keep, generation):
    keep(generation("gen-1", cost_nanodollars=None), generation("gen-2", cost_nanodollars=0))
    assert [generations.get(each).cost_nanodollars for each in ("gen-1", "gen-2")] == [None, 0]
    assert generations.get("gen-1").usage.cost_usd is None


def test_nobody_else_answers_to_an_unknown_id(generations, keep, generation):
    keep(generation("gen-1"))
    assert generations.get("gen-2") is None


def test_a_row_is_never_written_twice(generations, keep, generation):
    keep(generation("gen-1", latency_ms=1.0))
    keep(generation("gen-1", latency_ms=2.0), generation("gen-2"))
    assert [row.latency_ms for row in generations.recent()] == [1.5, 1.0]


def test_a_row_without_a_model_is_refused(keep, generation):
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        keep(generation("gen-1", model=None))


def test_nul_in_somebodys_words_costs_nobody_the_row(generations, keep, generation):
    keep(generation("gen-1", error="a\0b", finish_reason="\0stop", model="vendor/m\0", caller="\0me"))
    row = generations.get("gen-1")
    assert (row.error, row.finish_reason, row.model, row.caller) == ("ab", "stop", "vendor/m", "me")


def test_a_request_lists_its_calls_in_the_order_they_began(generations, keep, generation):
    keep(
        generation("gen-3", request_id="gen-0", created_at=2.0),
        generation("gen-1", request_id="gen-0", created_at=3.0),
        generation("gen-2", request_id="gen-9", created_at=1.0),
    )
    assert [row.id for row in generations.of_request("gen-0")] == ["gen-3", "gen-1"]
    assert generations.of_request("gen-404") == []


def test_a_call_goes_by_its_own_id_too(generations, keep, generation):
    keep(generation("gen-0", request_id="gen-0"), generation("gen-1", request_id="gen-0"))

    assert [row.id for row in generations.named("gen-0")] == ["gen-0", "gen-1"]
    assert [row.id for row in generations.named("gen-1")] == ["gen-1"]
    assert generations.named("gen-404") == []


def test_pages_neither_repeat_nor_skip_rows_of_the_same_moment(generations, keep, generation):
    keep(*(generation(f"gen-{n}", created_at=float(n // 3)) for n in range(9)))
    seen, page = [], generations.recent(2)
    while page:
        seen += [row.id for row in page]
        keep(generation(f"gen-new-{len(seen)}", created_at=99.0))  # new rows don't shift the pages
        page = generations.recent(2, before=seen[-1])
    assert seen == [f"gen-{n}" for n in reversed(range(9))]


def test_recent_can_be_of_one_model_or_caller(generations, keep, generation):
    keep(generation("gen-1", model="a/a"), generation("gen-2", caller="bob"), generation("gen-3"))
    assert [row.id for row in generations.recent(model="a/a")] == ["gen-1"]
    assert [row.id for row in generations.recent(caller="bob")] == ["gen-2"]


def test_a_page_after_an_unknown_row_is_an_error(generations):
    with pytest.raises(NotFound, match="No row 'gen-404' in the generations to go on from"):
        generations.recent(before="gen-404")
