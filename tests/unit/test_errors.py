"""Policy is a property of the class: status, kind and whether to retry, as the tree in the docstring draws them."""

from __future__ import annotations

import re

import pytest

import tritium.errors
from tritium.errors import (
    AllSeatsFailed,
    TritiumError,
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
    suggestion,
)


def classes(base: type[TritiumError]) -> list[type[TritiumError]]:
    return [each for kind in base.__subclasses__() for each in (kind, *classes(kind))]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = dict(re.findall(r"^ +[x+] (\w+) *(\d{3})?", tritium.errors.__doc__ or "", re.MULTILINE))
    own = {each.__name__: each for each in classes(TritiumError) if each.__module__ == "tritium.errors"}

    assert set(drawn) == set(own)
    for name, status in drawn.items():
        assert not status or own[name].status == int(status), name


@pytest.mark.parametrize(
    ("kind", "status", "retryable"),
    [
        (UpstreamError, 502, True),
        (UpstreamRateLimited, 429, True),
        (UpstreamUnavailable, 502, True),
        (UpstreamOverloaded, 503, True),
        (UpstreamTimeout, 504, True),
        (UpstreamRejected, 400, False),
    ],
)
def test_what_a_provider_did_decides_the_status_and_whether_another_try_can_help(kind, status, retryable):
    error = kind("no", provider="p")

    assert (error.http_status, error.retryable) == (status, retryable)


@pytest.mark.parametrize(("theirs", "ours"), [(400, 400), (404, 404), (422, 422), (401, 502), (403, 502), (None, 400)])
def test_a_refusal_keeps_its_status_unless_it_speaks_of_our_key(theirs, ours):
    assert UpstreamRejected("no", provider="p", upstream_status=theirs).http_status == ours


@pytest.mark.parametrize(
    ("codes", "status"), [([429, 429], 429), ([429, 500], 502), ([None, None], 502), ([], 502), ([429, None], 502)]
)
def test_a_panel_is_rate_limited_only_if_every_seat_is(codes, status):
    seats = [{"status_code": code} for code in codes]

    assert AllSeatsFailed("no", provider="fusion", metadata={"seats": seats}).http_status == status


def test_metadata_is_the_errors_own():
    given = {"a": 1}

    TritiumError("no", metadata=given).metadata["b"] = 2

    assert given == {"a": 1}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tritium/fussion", " Did you mean 'tritium/fusion'?"),
        ("gpt-9", " Did you mean 'openai/gpt-9'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_a_slip_is_met_with_what_was_probably_meant(name, sentence):
    assert suggestion(name, iter(["tritium/fusion", "openai/gpt-9", "anthropic/claude"])) == sentence
