"""Answers that are too long are shortened where it can be seen, all the long ones alike, and never below a floor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.candidates import Candidates
from tritium.fusion.fitting import FLOOR_TOKENS, DoesNotFit, fit, shortened, tokens_at_most
from tritium.fusion.run import SeatReport

LENGTHS = st.lists(st.integers(0, 30_000), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("the sea is wide", 5), ("12345678", 4), ("海は広い", 6), ("a", 1), ("\ud800", 1)],
)
def test_tokens_are_rather_too_many_than_too_few(text, tokens):
    assert tokens_at_most(text) == tokens


@given(LENGTHS, st.integers(0, 20_000))
def test_what_is_fitted_has_room_and_says_what_it_lacks(lengths, room):
    texts = {str(at): "ab " * (length // 3) for at, length in enumerate(lengths)}
    try:
        fitted = fit(texts, room)
    except DoesNotFit:
        assert room < FLOOR_TOKENS * len(texts) + sum(map(tokens_at_most, texts.values()))
        return

    assert sum(map(tokens_at_most, fitted.texts.values())) <= max(room, sum(map(tokens_at_most, texts.values())))
    assert sum(map(tokens_at_most, fitted.texts.values())) <= room or not fitted.cuts
    for name, text in texts.items():
        if name in fitted.cuts:
            assert "characters are left out here" in fitted.texts[name]
            assert fitted.cuts[name].whole == len(text) > fitted.cuts[name].shown
        else:
            assert fitted.texts[name] == text


def test_the_long_ones_share_what_the_short_ones_leave():
    fitted = fit({"short": "a" * 300, "long": "b" * 90_000, "longer": "c" * 900_000}, 4100)

    assert fitted.texts["short"] == "a" * 300
    assert set(fitted.cuts) == {"long", "longer"}
    assert abs(tokens_at_most(fitted.texts["long"]) - tokens_at_most(fitted.texts["longer"])) < 10


def test_of_a_long_one_the_beginning_and_the_end_are_kept():
    text = shortened("Beginning. " + "x" * 100_000 + " The end.", 300)

    assert text.startswith("Beginning. ")
    assert text.endswith(" The end.")
    assert "characters are left out here" in text
    assert tokens_at_most(text) <= 300


def test_where_the_ends_are_denser_than_the_middle_less_of_them_is_kept():
    text = shortened("世" * 2000 + "x" * 100_000 + "界" * 2000, 500)

    assert tokens_at_most(text) <= 500


def test_below_the_floor_nothing_is_fitted():
    with pytest.raises(DoesNotFit, match="2 answers of 6668 tokens don't fit into 300"):
        fit({"a": "a" * 10_001, "b": "b" * 10_001}, 300)


def test_candidates_say_in_the_fence_and_for_people_what_they_lack():
    seats = [SeatReport(0, "v/a", "v", text="Short."), SeatReport(1, "v/b", "v", text="long " * 5000)]

    fitted = Candidates(seats, 1).fitted(2000)

    assert "Short.\n<<<end" in fitted.block()
    assert " of 25,000 characters)\nlong long" in fitted.block()
    (told,) = fitted.shortenings()
    assert told.startswith("seat 1: ")
    assert told.endswith(" of 25,000 characters")
    assert seats[1].text == "long " * 5000
    assert len(fitted.reversed().anew().block()) == len(fitted.block())
