"""The `provider` object: what it may say, and what is refused with which hint."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tritium.errors import InvalidRequest
from tritium.routing.preferences import NONE, parse_preferences, read_preferences


def test_everything_openrouter_documents_is_understood():
    found = parse_preferences(
        {
            "order": ["openai"],
            "only": ["openai", "azure"],
            "ignore": [],
            "allow_fallbacks": False,
            "require_parameters": True,
            "data_collection": "deny",
            "zdr": True,
            "enforce_distillable_text": False,
            "quantizations": ["fp8", "unknown"],
            "sort": {"by": "price", "partition": "none"},
            "max_price": {"prompt": "0.5", "completion": 2, "request": None},
            "preferred_min_throughput": 100,
            "preferred_max_latency": {"p50": 1, "p99": 5.5},
        }
    )

    assert (found.by, found.across_models) == ("price", True)
    assert found.caps == {"prompt": Decimal("0.5"), "completion": Decimal(2)}
    assert found.least_tokens_per_second == [(50, 100)]
    assert found.most_latency_seconds == [(50, 1), (99, 5.5)]


@pytest.mark.parametrize("given", [None, {}, {"order": None, "sort": None, "max_price": None, "zdr": None}])
def test_null_is_as_good_as_nothing(given):
    assert parse_preferences(given) == NONE


def test_a_request_without_the_object_has_no_preferences(asking):
    assert read_preferences(asking()) is NONE


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ordre": ["openai"]}, "provider has no key 'ordre'. Did you mean 'order'?"),
        ({"sort": "cheapest"}, "provider.sort"),
        ({"sort": {"by": "price", "partitoin": "none"}}, "Did you mean 'partition'?"),
        ({"order": "openai"}, "provider.order"),
        ({"quantizations": ["fp9"]}, "provider.quantizations"),
        ({"preferred_max_latency": 0}, "provider.preferred_max_latency"),
        ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt is 'cheap'; it must be dollars"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt is -1"),
        ({"max_price": {"prompt": "NaN"}}, "provider.max_price.prompt is 'NaN'"),
        (["openai"], "provider: "),
    ],
)
def test_what_means_nothing_is_refused(given, message):
    with pytest.raises(InvalidRequest) as caught:
        parse_preferences(given)

    assert message in caught.value.message
    assert caught.value.param == "provider"
