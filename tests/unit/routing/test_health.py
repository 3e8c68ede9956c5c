"""A circuit opens after failures, tries one request, and closes again; figures are of the last minutes."""

from __future__ import annotations

import pytest

from tritium.errors import InvalidRequest, UpstreamRateLimited, UpstreamRejected, UpstreamUnavailable
from tritium.routing.health import LONGEST_COOLDOWN_SECONDS, STATISTICS_SECONDS, Breaker, Health, blames_endpoint

DOWN = UpstreamUnavailable("no", provider="p", upstream_status=500)


@pytest.fixture
def health(clock) -> Health:
    return Health(Breaker(failures=3, window_seconds=60, cooldown_seconds=30), clock)


def fail(health, row, times=1, error=DOWN):
    for _ in range(times):
        health.settled(row("failed"), error)


def test_a_circuit_opens_after_so_many_failures_within_the_window(health, row, clock):
    fail(health, row, 2)
    clock.now += 61
    fail(health, row, 2)
    assert health.ready

    fail(health, row)
    assert not health.ready


def test_failures_among_more_successes_open_nothing(health, row):
    for _ in range(10):
        health.settled(row(), None)
        fail(health, row)
        health.settled(row(), None)

    assert health.ready


def test_after_the_cooldown_one_request_tries_and_the_others_wait_for_it(health, row, clock):
    fail(health, row, 3)
    clock.now += 29
    assert not health.ready
    assert health.cooldown_seconds == 1

    clock.now += 1
    assert health.ready
    health.claim()
    assert not health.ready


@pytest.mark.parametrize(("outcome", "error", "ready"), [("ok", None, True), ("failed", DOWN, False)])
def test_what_becomes_of_the_try_decides(health, row, clock, outcome, error, ready):
    fail(health, row, 3)
    clock.now += 30
    health.claim()

    health.settled(row(outcome), error)

    assert health.ready is ready


def test_a_try_that_its_caller_left_is_no_verdict(health, row, clock):
    fail(health, row, 3)
    clock.now += 30
    health.claim()

    health.settled(row("cancelled"), None)

    assert health.ready


def test_a_try_that_never_settles_does_not_close_the_door_for_ever(health, row, clock):
    fail(health, row, 3)
    clock.now += 30
    health.claim()
    clock.now += 30

    assert health.ready


@pytest.mark.parametrize(("asked", "kept"), [(5.0, 5.0), (1e9, LONGEST_COOLDOWN_SECONDS)])
def test_a_retry_after_opens_at_once_and_for_so_long(health, row, asked, kept):
    fail(health, row, error=UpstreamRateLimited("no", provider="p", retry_after_seconds=asked))

    assert not health.ready
    assert health.cooldown_seconds == kept


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (DOWN, True),
        (UpstreamRejected("no", provider="p", upstream_status=401), True),
        (UpstreamRejected("no", provider="p", upstream_status=400), False),
        (InvalidRequest("no"), False),
        (ValueError("no"), False),
        (None, False),
    ],
)
def test_an_endpoint_is_blamed_for_what_is_its_own(error, blamed):
    assert blames_endpoint(error) is blamed


def test_a_key_that_has_a_substitute_says_nothing_of_the_endpoint(health, row):
    error = UpstreamRateLimited("no", provider="p", retry_after_seconds=60)
    error.another_key = True

    fail(health, row, 5, error)

    assert health.ready


def test_figures_are_of_the_share_that_did_at_least_so_well(health, row):
    for seconds in range(1, 11):
        health.settled(row(first_token_ms=seconds * 1000, latency_ms=seconds * 2000, output=60, streamed=True), None)

    assert (health.latency_seconds(50), health.latency_seconds(90)) == (6, 10)
    assert (health.tokens_per_second(50), health.tokens_per_second(90)) == (60 / 5, 60 / 9)


def test_an_answer_in_one_piece_was_written_all_the_time(health, row):
    health.settled(row(latency_ms=2000, first_token_ms=2000, output=30), None)

    assert (health.latency_seconds(50), health.tokens_per_second(50)) == (2, 15)


def test_what_is_long_ago_is_forgotten(health, row, clock):
    health.settled(row(), None)
    clock.now += STATISTICS_SECONDS + 1

    assert health.latency_seconds(50) is None
    assert health.tokens_per_second(50) is None
