"""Which recorded answer a request gets: by its last user message or an item's id, never by a guess."""

from __future__ import annotations

import pytest

from tritium.chat import ChatRequest, Message
from tritium.errors import ConfigError, UpstreamRejected
from tritium.providers.recorded.recordings import Recordings
from tritium.providers.recorded.tables import Item, Response

RECORDINGS = Recordings(
    [
        Item("capital", "What is the capital of France?"),
        Item("twice-1", "Same  words"),
        Item("twice-2", "same words"),
        Item("twice-3", "same words"),
        Item("talk", messages=[Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "And now?")]),
        Item("id only"),
    ],
    [
        Response("capital", "big", "Paris"),
        Response("capital", "small", "Lyon"),
        *(Response(item, "big", item) for item in ("twice-1", "twice-2", "twice-3", "talk", "id only")),
        Response("capital", "warm", "first"),
        Response("capital", "warm", "second"),
    ],
)


def asked(question: str, model: str = "big", **fields) -> str | None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    return RECORDINGS.find(ChatRequest.build("recorded/m", messages, **fields), model).text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the capital of France?", "Paris"),
        ("  what IS the\ncapital of\tFrance? ", "Paris"),
        ("Ｗhat is the capital of France?", "Paris"),  # noqa: RUF001 - a full-width letter
        ("And now?", "talk"),
        ("Same  words", "twice-1"),  # several ask it, one of them to the letter
    ],
)
def test_an_item_is_found_by_its_words_case_spacing_and_forms_of_letters_apart(question, text):
    assert asked(question) == text


def test_only_the_last_user_message_counts():
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    request = ChatRequest.build("m", [*messages, {"role": "user", "content": "And now?"}])

    assert RECORDINGS.find(request, "big").item == "talk"


def test_every_model_gives_its_own_answer():
    assert asked("What is the capital of France?", "small") == "Lyon"


@pytest.mark.parametrize(("seed", "text"), [(None, "first"), (0, "first"), (1, "second"), (2, "first"), (-1, "second")])
def test_the_seed_says_which_of_several_samples_is_given(seed, text):
    assert asked("What is the capital of France?", "warm", seed=seed) == text


def test_an_id_says_which_of_items_that_ask_the_same_is_meant():
    assert asked("same words", metadata={"item": "twice-3", "user": 7}) == "twice-3"
    assert asked("anything", metadata={"item": "id only"}) == "id only"


@pytest.mark.parametrize("metadata", [{"item": None}, {}, {"item": 3}, "text", [1]])
def test_metadata_of_somebody_elses_is_left_alone(metadata):
    assert asked("What is the capital of France?", metadata=metadata) == "Paris"


@pytest.mark.parametrize(
    ("question", "fields", "status", "says"),
    [
        ("What is it?", {}, 404, "none of the 6 recorded items asks this"),
        ("same words", {}, 400, r"3 items ask this \('twice-1', 'twice-2', 'twice-3'\)"),
        ("x", {"metadata": {"item": "capitol"}}, 404, "there is no item 'capitol'. Did you mean 'capital'"),
        ("x", {"metadata": {"item": "capital"}}, 404, "the item 'capital' asks something else"),
        ("And now?", {"model": "small"}, 404, "no answer of 'small' to the item 'talk' is recorded"),
    ],
)
def test_what_is_not_recorded_is_refused_and_said_so(question, fields, status, says):
    with pytest.raises(UpstreamRejected, match=says) as refused:
        asked(question, **fields)

    assert (refused.value.http_status, refused.value.retryable) == (status, False)


def test_the_models_are_those_that_answered_something():
    assert RECORDINGS.models == ["big", "small", "warm"]


def test_two_items_of_one_id_or_an_answer_to_none_are_refused():
    with pytest.raises(ConfigError, match="two items have the id 'a'"):
        Recordings([Item("a"), Item("a")], [])
    with pytest.raises(ConfigError, match="'m' answers the item 'b', which is not there"):
        Recordings([Item("a")], [Response("b", "m")])
