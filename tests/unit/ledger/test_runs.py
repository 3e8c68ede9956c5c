"""A run comes back byte for byte; a list shows what its document says."""

from __future__ import annotations

import msgspec
import pytest

from tritium.errors import InvalidRequest, NotFound
from tritium.fusion.run import Decision, PlanReport, Receipt, Run, SeatReport
from tritium.ledger.generations import Generations
from tritium.ledger.lost_runs import any_under_way, close_the_lost
from tritium.ledger.runs import BegunRun, RunFilter, Runs, RunSummary, StoredRun


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
            caller="local",
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


# ---------------------------------------------------------------- from the first step


def begun(run_id="run-1", **changes):
    return BegunRun(a_run(run_id, **changes))


@pytest.fixture
def begin(database):
    def begin(*rows, owner="me"):
        with database.writing() as connection:
            Runs.insert_begun(connection, rows, owner)

    return begin


def test_a_run_that_ends_takes_the_place_of_what_was_written_when_it_began(runs, keep, begin):
    begin(begun())
    assert [row.outcome for row in runs.recent()] == ["running"]
    ended = a_run(outcome="ok", answer="51")
    keep(ended)
    begin(begun())  # as when a batch is tried again
    assert runs.get("run-1") == ended
    assert [(row.id, row.outcome) for row in runs.recent()] == [("run-1", "ok")]


def test_one_that_ended_is_left_as_it_is(runs, keep):
    keep(a_run(outcome="ok", answer="51"))
    keep(a_run(outcome="failed"))
    assert [(row.outcome, row.answer_preview) for row in runs.recent()] == [("ok", "51")]


def test_runs_of_dead_processes_are_closed_as_lost_once_and_others_are_not(database, runs, begin):
    begin(begun("run-1"), owner="dead")
    begin(begun("run-2"), owner="me")
    assert any_under_way(database)

    assert close_the_lost(database, lambda owner, _: owner == "dead") == 1
    assert close_the_lost(database, lambda owner, _: owner == "dead") == 0

    assert {row.id: row.outcome for row in runs.recent()} == {"run-1": "lost", "run-2": "running"}
    document = msgspec.json.decode(runs.get("run-1").document, type=Run)
    assert document.outcome == "lost"
    assert document.receipt.calls == []
    close_the_lost(database, lambda *_: True)
    assert not any_under_way(database)


def test_a_lost_run_has_its_calls_in_its_receipt_and_an_unknown_cost_stays_unknown(database, runs, begin, generation):
    seats = [SeatReport(0, "a", "x"), SeatReport(1, "b", "y"), SeatReport(2, "c", "z")]
    plan = PlanReport("open", "synthesize", 2, None, None, 7)
    run = Run("run-1", 5.0, "tritium/fusion", plan, seats, Decision("vote"), msgspec.Raw(b"[]"))
    begin(BegunRun(StoredRun("run-1", 5.0, run.model, msgspec.json.encode(run))))
    of_run = {"request_id": "run-1", "role": "seat", "created_at": 5.0}
    calls = [
        generation("1", model="a", latency_ms=2000.0, cost_nanodollars=7, **of_run),
        generation("2", model="b", outcome="failed", cost_nanodollars=None, **of_run),
    ]
    with database.writing() as connection:
        Generations.insert(connection, calls)

    close_the_lost(database, lambda *_: True)

    found = msgspec.json.decode(runs.get("run-1").document, type=Run)
    assert [call.cost_usd for call in found.receipt.calls] == [7e-9, None]
    assert found.receipt.cost_usd is None
    outcomes = [("ok", 7e-9), ("failed", None), ("cancelled", None)]
    assert [(seat.outcome, seat.cost_usd) for seat in found.seats] == outcomes
    (row,) = runs.recent()
    assert (row.cost_nanodollars, row.latency_ms) == (None, 2000.0)


def test_who_was_only_out_of_touch_writes_over_its_lost_run(database, runs, keep, begin):
    begin(begun())
    close_the_lost(database, lambda *_: True)
    keep(a_run(outcome="ok"))
    assert [row.outcome for row in runs.recent()] == ["ok"]


def test_a_list_can_be_narrowed(runs, keep):
    keep(
        a_run("run-1", 1.0, caller="a", replay_of="run-0"),
        a_run("run-2", 2.0, caller="b", outcome="ok", shadow_of="gen-1"),
    )

    def found(**narrow):
        return [row.id for row in runs.recent(10, None, RunFilter(**narrow))]

    assert found() == ["run-2", "run-1"]
    assert found(caller="a") == found(replay_of="run-0") == found(until=2.0) == found(outcome="running") == ["run-1"]
    assert found(caller="b") == found(shadow_of="gen-1") == found(since=2.0) == found(outcome="ok") == ["run-2"]
    assert found(strategy="rank") == found(caller="a", outcome="ok") == []
