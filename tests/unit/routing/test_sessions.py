"""A session stays with the endpoint that answered it, for a while, and so do not more of them than are remembered."""

from __future__ import annotations

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.model import new_call
from tritium.routing.sessions import KEPT_SECONDS, REMEMBERED, Sessions, session_name


def request(**fields):
    return ChatRequest.build("both", [{"role": "user", "content": "Hi"}], **fields)


def session(kept, name="s-1", caller="local", model="both"):
    return kept.of(request(session_id=name), new_call(None, caller=caller), model)


@pytest.fixture
def places(endpoint):
    return [endpoint("a"), endpoint("b"), endpoint("c")]


def test_a_session_comes_back_to_where_it_was(places):
    kept = Sessions()
    session(kept).asked(places[2])

    assert session(kept).first(places) == [places[2], places[0], places[1]]


@pytest.mark.parametrize("other", [{"name": "s-2"}, {"caller": "another"}, {"model": "one"}])
def test_another_one_is_none_of_its_business(places, other):
    kept = Sessions()
    session(kept).asked(places[2])

    assert session(kept, **other).first(places) == places


def test_a_session_leaves_an_endpoint_that_is_down(places, row):
    kept = Sessions()
    session(kept).asked(places[2])
    for _ in range(2):
        places[2].health.settled(row("timeout"), None)

    assert session(kept).first(places) == places


def test_one_that_has_been_quiet_is_forgotten(places, clock):
    kept = Sessions(clock)
    session(kept).asked(places[2])
    clock.now += KEPT_SECONDS + 1

    assert session(kept).first(places) == places


def test_the_memory_is_bounded_and_the_quietest_goes_first(places):
    kept = Sessions()
    for number in range(REMEMBERED):
        session(kept, str(number)).asked(places[2])
    session(kept, "0").asked(places[2])
    session(kept, "new").asked(places[2])

    assert session(kept, "1").first(places) == places
    assert session(kept, "0").first(places)[0] is places[2]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, None),
        ({"session_id": ""}, None),
        ({"session_id": "s"}, "s"),
        ({"prompt_cache_key": "k"}, "k"),
        ({"session_id": "s", "prompt_cache_key": "k"}, "s"),
        ({"prompt_cache_key": 5}, None),
    ],
)
def test_a_session_goes_by_its_id_or_its_cache_key(fields, name):
    assert session_name(request(**fields)) == name


@pytest.mark.parametrize("wrong", [5, "x" * 257, ["s"]])
def test_what_cannot_be_a_name_is_refused(wrong):
    with pytest.raises(InvalidRequest, match="256 characters"):
        session_name(request(session_id=wrong))
