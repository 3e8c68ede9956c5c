"""Conditions that admit no exception: who is out, for which of OpenRouter's reasons, and what the error says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tritium.routing.eligible import eligible, nobody
from tritium.routing.preferences import parse_preferences


def left(endpoints, asking, preferences, **fields):
    kept, out = eligible(endpoints, parse_preferences(preferences), asking(**fields))
    return [each.provider for each in kept], {each.provider: each.by for each in out}


@pytest.mark.parametrize(
    ("preferences", "kept"),
    [
        ({}, ["a", "b"]),
        ({"only": ["A"]}, ["a"]),
        ({"only": []}, []),
        ({"ignore": ["b", "nobody"]}, ["a"]),
        ({"order": ["b"]}, ["a", "b"]),
        ({"order": ["b"], "allow_fallbacks": False}, ["b"]),
        ({"only": ["a"], "ignore": ["a"]}, []),
    ],
)
def test_providers_are_chosen_by_name(endpoint, asking, preferences, kept):
    found, out = left([endpoint("a"), endpoint("b")], asking, preferences)

    assert found == kept
    assert set(out.values()) <= {"allowed_providers"}


@pytest.mark.parametrize(
    ("preferences", "facts", "reason"),
    [
        ({"data_collection": "deny"}, {"collects_data": False}, None),
        ({"data_collection": "deny"}, {"collects_data": True}, "data_policy:training"),
        ({"data_collection": "deny"}, {}, "data_policy:training"),
        ({"data_collection": "allow"}, {}, None),
        ({"zdr": True}, {"retains_data": False}, None),
        ({"zdr": True}, {"retains_data": True}, "data_policy:zdr"),
        ({"zdr": True}, {}, "data_policy:zdr"),
        ({"zdr": False}, {}, None),
        ({"quantizations": ["fp8", "fp16"]}, {"quantization": "fp8"}, None),
        ({"quantizations": ["fp8"]}, {"quantization": "int4"}, "quantization"),
        ({"quantizations": ["fp8"]}, {}, "quantization"),
        ({"quantizations": ["unknown"]}, {}, None),
        ({"max_price": {"prompt": "1"}}, {}, None),
        ({"max_price": {"prompt": "0.99"}}, {}, "max_price"),
        ({"max_price": {"completion": "0.99"}}, {}, "max_price"),
        ({"max_price": {"request": "0.01"}}, {"request_usd": Decimal("0.02")}, "max_price"),
        ({"max_price": {"prompt": 5}}, {"price": None}, "max_price"),
        ({"max_price": {"image": 0}}, {}, None),
    ],
)
def test_a_condition_is_met_only_by_what_is_known(endpoint, asking, preferences, facts, reason):
    _, out = left([endpoint("a", **facts)], asking, preferences)

    assert out.get("a") == reason


@pytest.mark.parametrize(
    ("insists", "fields", "reason"),
    [
        (True, {"seed": 1}, "require_parameters"),
        (True, {"temperature": 1}, None),
        (False, {"seed": 1}, None),
    ],
)
def test_parameters_are_required_only_when_somebody_insists(endpoint, asking, insists, fields, reason):
    _, out = left([endpoint("a", ignored=frozenset({"seed"}))], asking, {"require_parameters": insists}, **fields)

    assert out.get("a") == reason


@pytest.mark.parametrize(("tokens", "reason"), [(1000, None), (1001, "context_length")])
def test_nobody_is_asked_for_more_than_it_can_write(endpoint, asking, tokens, reason):
    _, out = left([endpoint("a", context_tokens=1000)], asking, {}, max_tokens=tokens)

    assert out.get("a") == reason


def test_a_router_behind_us_keeps_what_it_is_told_by_itself(endpoint, asking):
    router = endpoint("openrouter", price=None, passes_preferences=True)
    hard = {
        "zdr": True,
        "data_collection": "deny",
        "quantizations": ["fp8"],
        "max_price": {"prompt": 0},
        "require_parameters": True,
        "enforce_distillable_text": True,
    }

    found, out = left([endpoint("a"), router], asking, hard)

    assert found == ["openrouter"]
    assert list(out) == ["a"]


@pytest.mark.parametrize(
    ("preferences", "kept"),
    [
        ({"only": ["azure"]}, ["openrouter"]),  # only the router can know azure
        ({"only": ["a"]}, ["a"]),
        ({"only": ["openrouter"]}, ["openrouter"]),
        ({"only": ["a", "azure"]}, ["a", "openrouter"]),
        ({"ignore": ["openrouter"]}, ["a"]),
        ({"ignore": ["azure"]}, ["a", "openrouter"]),
    ],
)
def test_a_provider_nobody_here_is_may_be_one_of_the_router_behind_us(endpoint, asking, preferences, kept):
    found, _ = left([endpoint("a"), endpoint("openrouter", passes_preferences=True)], asking, preferences)

    assert found == kept


@pytest.mark.parametrize(
    ("preferences", "code", "field"),
    [
        ({"zdr": True}, "privacy_restricted", "provider.zdr"),
        ({"only": ["b"]}, "constraint_filtered", "provider.only"),
    ],
)
def test_the_error_says_what_kept_everybody_out(endpoint, asking, preferences, code, field):
    _, out = eligible([endpoint("a")], parse_preferences(preferences), asking())

    error = nobody("m", out)

    assert error.http_status == 404
    assert (error.availability["code"], error.availability["retryable"]) == (code, False)
    assert error.availability["constraint"]["field"] == field
    assert "a: it" in error.message
