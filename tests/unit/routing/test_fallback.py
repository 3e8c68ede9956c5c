"""Several models as one: who is asked, in which order, and what is left when nobody answers."""

from __future__ import annotations

import contextlib
import time

import pytest
from msgspec.structs import replace

from tritium.chat import ChatRequest, collect
from tritium.errors import InvalidRequest, NoEndpoint, TritiumError, UpstreamError
from tritium.model import new_call
from tritium.routing import balance
from tritium.routing.balance import Balanced
from tritium.routing.fallback import MOST_MODELS, Fallback, fallback_names


async def answer(model, request, call):
    async with model.answer(request, call) as chunks:
        return (await collect(chunks)).text


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(balance, "FIRST_PAUSE_SECONDS", 0.0)


def balanced(endpoint, *scripts, **facts) -> Balanced:
    """Endpoints p0, p1, ... with those scripts, asked in that order."""
    return Balanced("m", [endpoint(f"p{at}", script, rank=at, **facts) for at, script in enumerate(scripts)])


async def test_the_first_that_answers_is_the_answer(endpoint, asking, call, kept):
    text = await answer(balanced(endpoint, "error=500", "error=429", "say=third", "say=fourth"), asking(), call)

    assert text == "third"
    assert [row.provider for row in kept.rows] == ["p0", "p1", "p2"]
    assert [row.status for row in kept.rows] == [500, 429, 200]
    assert {row.request_id for row in kept.rows} == {call.id}
    assert kept.rows[0].id == call.id
    assert len({row.id for row in kept.rows}) == 3


@pytest.mark.parametrize(("status", "asked"), [(400, 1), (422, 1), (401, 2), (402, 2), (403, 2), (404, 2), (500, 2)])
async def test_another_endpoint_is_asked_when_it_may_do_better(endpoint, asking, call, kept, status, asked):
    model = balanced(endpoint, f"error={status}", "say=here")

    with contextlib.suppress(UpstreamError):
        assert await answer(model, asking(), call) == "here"

    assert [row.status for row in kept.rows] == [status, 200][:asked]


async def test_once_a_chunk_is_out_its_failure_is_the_answers(endpoint, asking, call, kept):
    with pytest.raises(UpstreamError):
        await answer(balanced(endpoint, "words=5;die=2", "say=here"), asking(), call)

    assert len(kept.rows) == 1


async def test_when_all_fail_the_one_that_may_pass_is_reported_and_the_others_are_listed(endpoint, asking, call):
    with pytest.raises(UpstreamError) as caught:
        await answer(balanced(endpoint, "error=503", "error=401"), asking(), call)

    assert caught.value.http_status == 503
    assert [each["status"] for each in caught.value.metadata["previous_errors"]] == [401]


async def test_a_single_failure_has_no_previous_ones(endpoint, asking, call):
    with pytest.raises(UpstreamError) as caught:
        await answer(balanced(endpoint, "error=503"), asking(), call)

    assert "previous_errors" not in caught.value.metadata


@pytest.mark.parametrize(("retries", "rows"), [(0, 2), (1, 4), (2, 6)])
async def test_when_all_failed_those_that_may_pass_are_asked_again(endpoint, asking, call, kept, retries, rows):
    with pytest.raises(UpstreamError):
        await answer(balanced(endpoint, "error=503", "error=500", retries=retries), asking(), call)

    assert [row.provider for row in kept.rows] == ["p0", "p1"] * (rows // 2)


async def test_nobody_is_asked_again_after_the_deadline(endpoint, asking, call, kept):
    late = replace(call, deadline=time.monotonic())

    with pytest.raises(UpstreamError):
        await answer(balanced(endpoint, "error=503", "error=503", retries=2), asking(), late)

    assert len(kept.rows) == 1


async def test_without_fallbacks_one_is_asked(endpoint, asking, call, kept):
    with pytest.raises(UpstreamError):
        await answer(balanced(endpoint, "error=503", "ok"), asking(provider={"allow_fallbacks": False}), call)

    assert len(kept.rows) == 1


async def test_conditions_that_leave_nobody_are_an_error_before_anything_is_asked(endpoint, asking, call, kept):
    with pytest.raises(NoEndpoint):
        balanced(endpoint, "ok").answer(asking(provider={"only": ["x"]}), call)

    assert kept.rows == []


async def test_a_variants_wish_wins_over_the_requests(endpoint, asking, call, kept):
    model = Balanced("m:floor", [endpoint("dear", price=9), endpoint("cheap", price=1)], sort="price")

    await answer(model, asking(provider={"order": ["dear"]}), call)

    assert kept.rows[0].provider == "cheap"


# ---------------------------------------------------------------- a list of models


async def test_the_next_model_is_asked_whatever_went_wrong(endpoint, asking, call, kept):
    models = [balanced(endpoint, script) for script in ("error=400", "error=500", "say=third")]

    assert await answer(Fallback(models), asking(), call) == "third"
    assert len(kept.rows) == 3


async def test_a_model_whose_conditions_leave_nobody_is_passed_over(endpoint, asking, call):
    picky = Balanced("a", [endpoint("p0")])
    other = Balanced("b", [endpoint("p1", "say=other")])

    assert await answer(Fallback([picky, other]), asking(provider={"only": ["p1"]}), call) == "other"


async def test_errors_of_a_chain_within_a_chain_are_all_listed(endpoint, asking, call):
    models = [balanced(endpoint, "error=503", "error=401"), balanced(endpoint, "error=400")]

    with pytest.raises(TritiumError) as caught:
        await answer(Fallback(models), asking(), call)

    assert caught.value.http_status == 503
    assert sorted(each["status"] for each in caught.value.metadata["previous_errors"]) == [400, 401]


def test_the_models_of_a_request_are_its_model_and_its_list_each_once(asking):
    assert fallback_names(asking(models=["b", "m", "c", "b"])) == ["m", "b", "c"]
    assert fallback_names(ChatRequest.build("m", [{"role": "user", "content": "x"}], models=[])) == ["m"]


@pytest.mark.parametrize("models", ["b", [1], [f"m{at}" for at in range(MOST_MODELS)]])
def test_a_list_that_is_none_or_too_long_is_refused(asking, models):
    with pytest.raises(InvalidRequest) as caught:
        fallback_names(asking(models=models))

    assert caught.value.param == "models"


async def test_leaving_early_settles_the_one_that_answered(endpoint, asking, kept):
    async with balanced(endpoint, "error=500", "words=50;rate=1").answer(asking(), new_call(kept)) as chunks:
        async for _ in chunks:
            break

    assert [row.outcome for row in kept.rows] == ["failed", "cancelled"]
