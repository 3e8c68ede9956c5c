"""Several keys of one provider: where they are read, whose turn it is, and which are left alone."""

from __future__ import annotations

import pytest

from tritium.providers.keys import LIMITED_SECONDS, LONGEST_SECONDS, REFUSED_SECONDS, KeyRing, read_keys


@pytest.mark.parametrize(
    ("environment", "keys"),
    [
        ({}, ()),
        ({"A": " \n"}, ()),
        ({"A": "k1\n"}, ("k1",)),
        ({"A": "k1, k2,,k1"}, ("k1", "k2")),
        ({"A": "k1", "A_1": "k2", "A_7": "k3,k4"}, ("k1", "k2", "k3", "k4")),
        ({"A_2": "k2"}, ("k2",)),
        ({"B": "k9"}, ("k9",)),
        ({"A": "k1", "B": "k9"}, ("k1",)),
        ({"A_100": "k1"}, ()),
    ],
)
def test_keys_stand_between_commas_and_in_numbered_variables(environment, keys):
    assert read_keys(("A", "B"), environment) == keys


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_keys_take_turns():
    ring = KeyRing(("a", "b", "c"))

    assert [ring.take() for _ in range(5)] == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (401, None, REFUSED_SECONDS),
        (402, None, REFUSED_SECONDS),
        (429, None, LIMITED_SECONDS),
        (429, 5.0, 5.0),
        (429, 1e9, LONGEST_SECONDS),
    ],
)
def test_a_refused_key_rests_for_so_long(status, retry_after, seconds):
    clock = Clock()
    ring = KeyRing(("a", "b"), clock)

    assert ring.refused("a", status, retry_after)
    assert {ring.take() for _ in range(4)} == {"b"}
    clock.now += seconds
    assert {ring.take() for _ in range(4)} == {"a", "b"}


def test_a_status_that_is_not_of_the_key_changes_nothing():
    ring = KeyRing(("a", "b"))

    assert not ring.refused("a", 500, None)
    assert [ring.take() for _ in range(2)] == ["a", "b"]


def test_when_all_rest_the_one_that_is_ready_first_is_taken():
    clock = Clock()
    ring = KeyRing(("a", "b"), clock)

    ring.refused("a", 429, 50)
    assert not ring.refused("b", 429, 20)
    assert ring.take() == "b"
