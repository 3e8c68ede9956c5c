"""A run comes back byte for byte; a list shows what its document says."""

from __future__ import annotations

import msgspec
import pytest

from tritium.errors import InvalidRequest, NotFound
from tritium.fusion.run import Decision, PlanReport, Receipt, Run
from tritium.ledger.runs import Runs, RunSummary, StoredRun


@pytest.fixture
def keep(database):
    def keep(*rows):
        with database.writing() as connection:
            Runs.insert(connection, rows)

    return keep


@pytest.fixture
def runs(database):
    return Runs(database)


def a_run(run_id="run-1", created_at=1_700_000_000.5, **changes):
    plan = PlanReport("open", "synthesize", 2, None, None, 7)
    run = Run(run_id, created_at, "tritium/fusion", plan, [], Decision("vote"), msgspec.Raw(b"[]"), **changes)
    return StoredRun(run_id, created_at, run.model, msgspec.json.encode(run))


def test_a_document_comes_back_byte_for_byte(runs, keep):
    run = a_run(answer="Größe \0 大きさ")
    keep(run)
    assert runs.get("run-1") == run


def test_nobody_else_answers_to_an_unknown_id(runs, keep):
    keep(a_run())
    assert runs.get("run") is None


def test_the_list_shows_what_the_document_says(runs, keep):
    keep(a_run(outcome="ok", answer="4" * 1000, receipt=Receipt(cost_usd=0.001234567, latency_ms=812.5)))
    assert runs.recent() == [
        RunSummary(
            id="run-1",
            created_at=1_700_000_000.5,
            model="tritium/fusion",
            strategy="vote",
            outcome="ok",
            cost_nanodollars=1_234_567,
            latency_ms=812.5,
            answer_preview="4" * 200,
        )
    ]


def test_an_unknown_cost_is_listed_as_unknown(runs, keep):
    keep(a_run(receipt=Receipt(cost_usd=None)))
    assert runs.recent()[0].cost_nanodollars is None


def test_a_document_of_an_earlier_shape_is_still_kept(runs, keep):
    keep(StoredRun("run-1", 1.0, "m", b'{"something": "else"}'))
    assert runs.recent() == [RunSummary("run-1", 1.0, "m", None, None, None, None, "")]


def test_the_newest_come_first_a_page_at_a_time(runs, keep):
    keep(*(a_run(f"run-{n}", float(n)) for n in range(5)))
    assert [row.id for row in runs.recent(2)] == ["run-4", "run-3"]
    assert [row.id for row in runs.recent(2, before="run-3")] == ["run-2", "run-1"]


def test_the_beginning_of_an_id_is_enough(runs, keep):
    keep(a_run("gen-17-ab"), a_run("gen-17-cd"), a_run("gen-17-c"))
    assert runs.find("gen-17-a") == "gen-17-ab"
    assert runs.find("gen-17-c") == "gen-17-c", "a whole id is never ambiguous"


def test_an_ambiguous_beginning_lists_what_it_may_mean(runs, keep):
    keep(a_run("gen-17-ab"), a_run("gen-17-cd"))
    with pytest.raises(InvalidRequest, match=r"Several runs begin with 'gen-17': gen-17-ab, gen-17-cd\. Give more"):
        runs.find("gen-17")
    keep(*(a_run(f"gen-17-x{n}") for n in range(9)))
    with pytest.raises(InvalidRequest, match=r"gen-17-x0, gen-17-x1, gen-17-x2, \.\.\."):
        runs.find("gen-17")


@pytest.mark.parametrize("prefix", ["gen-18", "%", "gen_17"])
def test_a_beginning_that_no_id_has_finds_nothing(runs, keep, prefix):
    keep(a_run("gen-17-ab"))
    with pytest.raises(NotFound, match="No run's id begins with"):
        runs.find(prefix)
