"""The medoid: the answer most like all the others."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.answers import medoid, similarity

CATS = "Cats sleep most of the day and hunt at night."
CATS_TOO = "Most of the day cats sleep; at night they hunt."
CATS_MORE = "Cats hunt at night, and sleep for most of the day, often in the sun."


def test_outlier_is_not_the_medoid():
    assert medoid(["Stock prices fell sharply on Monday.", CATS, CATS_TOO, CATS_MORE]) != 0


def test_middle_of_three_is_the_medoid():
    assert medoid(["red green", "green blue", "red green blue"]) == 2


def test_first_of_equals_is_the_medoid():
    assert medoid([CATS, CATS, CATS]) == 0
    assert medoid([CATS, CATS_TOO]) == 0


def test_only_text_is_the_medoid():
    assert medoid([""]) == 0


def test_medoid_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        medoid([])


def test_text_without_spaces_is_compared_too():
    assert medoid(["股价周一大幅下跌", "猫白天睡觉晚上打猎", "猫白天睡觉而晚上打猎"]) != 0


def test_invisible_characters_make_no_difference():
    assert similarity(CATS, CATS.replace("a", "a\u200b")) == 1


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_medoid_is_one_of_the_candidates(texts):
    assert 0 <= medoid(texts) < len(texts)


@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_symmetric_and_between_zero_and_one(one, other):
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1
    assert similarity(one, one) == 1


def test_eight_long_answers_take_well_under_a_second():
    texts = [" ".join(f"word{(at * step) % 997}" for at in range(1_000)) for step in range(1, 9)]
    began = time.perf_counter()
    medoid(texts)
    assert time.perf_counter() - began < 1
