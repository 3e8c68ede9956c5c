"""Who serves a name: the provider it begins with, those who sell it on, routes; and what a variant makes of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tritium.catalog.build import build_catalog
from tritium.catalog.catalog import Catalog
from tritium.chat import ChatRequest
from tritium.config import parse_config
from tritium.errors import ConfigError, InvalidRequest, NoEndpoint, UnknownModel
from tritium.providers.http import HttpTransport
from tritium.providers.registry import vendors
from tritium.routing.order import ordered
from tritium.routing.preferences import read_preferences


@pytest.fixture
def catalog() -> Callable[..., Catalog]:
    """A catalogue of the registry's own rows, those on whose keys are given."""

    def make(config: dict[str, Any] | None = None, found: Any = None, **environment: str) -> Catalog:
        parsed = parse_config(config or {})
        return build_catalog(parsed, environment, vendors(parsed, environment), found or {}, HttpTransport())

    return make


def serving(names: Catalog, name: str) -> list[tuple[str, str]]:
    """Provider, and what it is told."""
    return [(each.provider, each.model.name) for each in names.endpoints(name)]  # type: ignore[attr-defined]


def test_a_vendors_model_is_served_by_itself_and_by_the_router_that_sells_it_on(catalog):
    names = catalog(ANTHROPIC_API_KEY="k", OPENROUTER_API_KEY="k")

    assert serving(names, "anthropic/claude-x") == [("anthropic", "claude-x"), ("openrouter", "anthropic/claude-x")]
    assert [each.rank for each in names.endpoints("anthropic/claude-x")] == [0, 1]
    assert [each.model.id for each in names.endpoints("anthropic/claude-x")] == ["anthropic/claude-x"] * 2


def test_without_the_vendors_key_the_router_serves_it_alone(catalog):
    assert serving(catalog(OPENROUTER_API_KEY="k"), "anthropic/claude-x") == [("openrouter", "anthropic/claude-x")]


@pytest.mark.parametrize(
    ("name", "provider", "told"),
    [
        ("google/gemini-x", "gemini", "gemini-x"),
        ("x-ai/grok-x", "xai", "grok-x"),
        ("mistralai/mistral-x", "mistral", "mistral-x"),
        ("openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
    ],
)
def test_a_model_is_found_under_the_name_the_world_gives_it(catalog, name, provider, told):
    names = catalog(GEMINI_API_KEY="k", XAI_API_KEY="k", MISTRAL_API_KEY="k", GROQ_API_KEY="k")

    assert serving(names, name) == [(provider, told)]


@pytest.mark.parametrize("name", ["ollama/llama3:8b", "office/llama", "scripted/ok", "local/tiny", "tritium/none"])
def test_what_is_the_users_own_never_goes_to_somebody_else(catalog, name):
    names = catalog(
        {"providers": {"office": {"base_url": "http://127.0.0.1:1/v1", "key_env": "NOT_SET"}}},
        OPENROUTER_API_KEY="k",
    )

    assert [each.provider for each in names.endpoints(name)] in ([], ["scripted"])


def test_a_routers_own_models_go_by_their_whole_name(catalog):
    names = catalog(OPENROUTER_API_KEY="k")

    assert serving(names, "openrouter/auto") == [("openrouter", "openrouter/auto")]
    assert serving(names, "openrouter/a/b:free") == [("openrouter", "a/b:free")]
    assert serving(names, "~anthropic/claude-opus-latest") == [("openrouter", "~anthropic/claude-opus-latest")]


def test_a_route_is_its_endpoints(catalog):
    models = {"team/m": {"kind": "route", "endpoints": ["groq/m", "together/x/m", "deepseek/m"]}}
    names = catalog({"models": models}, GROQ_API_KEY="k", TOGETHER_API_KEY="k")

    assert serving(names, "team/m") == [("groq", "m"), ("together", "x/m")]
    assert names.resolve("team/m").id == "team/m"
    assert [row.kind for row in names.listed() if row.id == "team/m"] == ["route"]
    assert names.resolve("team/m:floor").id == "team/m:floor"


def test_a_route_of_which_nobody_is_on_is_no_model(catalog):
    with pytest.raises(UnknownModel):
        catalog({"models": {"team/m": {"kind": "route", "endpoints": ["groq/m"]}}}).resolve("team/m")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'a route has one key, endpoints = ["provider/model", ...]'),
        ({"endpoints": []}, "a route has one key"),
        ({"endpoints": ["groq/m"], "x": 1}, "a route has one key"),
        ({"endpoints": [1]}, "holds something that is no name"),
        ({"endpoints": ["grok/m"]}, "Did you mean 'groq'?"),
        ({"endpoints": ["team/m"]}, "'team/m' is no model of a provider"),
    ],
)
def test_a_route_that_cannot_be_is_refused(catalog, options, message):
    with pytest.raises(ConfigError) as caught:
        catalog({"models": {"team/m": {"kind": "route", **options}}})

    assert message in caught.value.message


def test_two_names_of_one_model_share_its_health(catalog):
    names = catalog(OPENROUTER_API_KEY="k")

    (plain,) = names.endpoints("anthropic/claude-x")
    (prefixed,) = names.endpoints("openrouter/anthropic/claude-x")

    assert plain.health is prefixed.health


@pytest.mark.parametrize(("partition", "asked"), [("none", ["deepseek", "groq"]), ("model", ["groq"])])
def test_without_a_partition_the_endpoints_of_all_models_are_sorted_together(catalog, partition, asked):
    prices = {"groq/m": {"input": 3, "output": 3}, "deepseek/m": {"input": 1, "output": 1}}
    names = catalog({"prices": prices}, GROQ_API_KEY="k", DEEPSEEK_API_KEY="k")
    wish = {"sort": {"by": "price", "partition": partition}}
    request = ChatRequest.build("groq/m", [{"role": "user", "content": "Hi"}], models=["deepseek/m"], provider=wish)

    first = names.route(request).models[0]  # type: ignore[attr-defined]

    assert [each.provider for each in ordered(first.endpoints, read_preferences(request), request)] == asked


# ---------------------------------------------------------------- variants


@pytest.mark.parametrize(("variant", "sort"), [("floor", "price"), ("nitro", "throughput"), ("exacto", "exacto")])
def test_a_variant_sorts(catalog, variant, sort):
    names = catalog(OPENAI_API_KEY="k", OPENROUTER_API_KEY="k")

    model = names.resolve(f"openai/gpt-x:{variant}")

    assert model.sort == sort  # type: ignore[attr-defined]
    assert serving(names, f"openai/gpt-x:{variant}") == [
        ("openai", "gpt-x"),
        ("openrouter", f"openai/gpt-x:{variant}"),
    ]


def test_free_leaves_those_that_are_known_to_be(catalog):
    free = {"input": 0, "output": 0}
    names = catalog({"prices": {"groq/m": free}}, GROQ_API_KEY="k", OPENAI_API_KEY="k")

    assert serving(names, "groq/m:free") == [("groq", "m")]
    with pytest.raises(NoEndpoint) as caught:
        names.resolve("openai/gpt-x:free")
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "no_endpoints"


def test_online_needs_somebody_who_can_search(catalog):
    with pytest.raises(InvalidRequest, match="none is configured here"):
        catalog(OPENAI_API_KEY="k").resolve("openai/gpt-x:online")

    both = catalog(OPENAI_API_KEY="k", OPENROUTER_API_KEY="k")
    assert serving(both, "openai/gpt-x:online") == [("openrouter", "openai/gpt-x:online")]


def test_extended_is_openrouters_own(catalog):
    with pytest.raises(InvalidRequest, match="only OpenRouter has"):
        catalog(OPENAI_API_KEY="k").resolve("openai/gpt-x:extended")

    both = catalog(OPENAI_API_KEY="k", OPENROUTER_API_KEY="k")
    assert serving(both, "openai/gpt-x:extended") == [("openrouter", "openai/gpt-x:extended")]


def test_thinking_asks_everybody_who_may_be_able_to(catalog):
    both = catalog(ANTHROPIC_API_KEY="k", OPENROUTER_API_KEY="k")

    model = both.resolve("anthropic/claude-x:thinking")

    assert model.thinks  # type: ignore[attr-defined]
    assert serving(both, "anthropic/claude-x:thinking") == [
        ("anthropic", "claude-x"),
        ("openrouter", "anthropic/claude-x:thinking"),
    ]


def test_a_model_that_is_known_not_to_reason_has_no_thinking_variant(catalog):
    with pytest.raises(InvalidRequest, match="known not to reason"):
        catalog(OPENAI_API_KEY="k").resolve("openai/gpt-4o:thinking")


def test_a_colon_that_is_the_servers_own_stays(catalog):
    names = catalog(found={"ollama": ["llama3:8b"]})

    assert serving(names, "ollama/llama3:8b") == [("ollama", "llama3:8b")]
    assert serving(names, "ollama/llama3:free") == [("ollama", "llama3:free")]


# ---------------------------------------------------------------- facts


def test_a_variant_of_a_model_that_a_server_of_the_users_lists_is_one(catalog):
    names = catalog({"providers": {"mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["m1"]}}})

    assert serving(names, "mine/m1:floor") == [("mine", "m1")]
    assert serving(names, "mine/other:floor") == [("mine", "other:floor")]


def test_what_the_configuration_says_of_a_provider_is_known_of_its_endpoints(catalog):
    office = {
        "base_url": "http://h.invalid/v1",
        "data_collection": "deny",
        "zdr": True,
        "quantization": "fp8",
        "max_concurrency": 2,
        "model_concurrency": {"m": 1},
    }
    prices = {"office/m": {"input": 1, "output": 2}}
    names = catalog({"providers": {"office": office}, "prices": prices})

    (known,) = names.endpoints("office/m")
    (other,) = names.endpoints("office/other")

    assert (known.collects_data, known.retains_data, known.quantization) == (False, False, "fp8")
    assert (known.prompt_usd, known.completion_usd) == (Decimal(1), Decimal(2))
    assert (len(known.gates), len(other.gates)) == (2, 1)
    assert known.gates[-1] is other.gates[-1]


def test_of_others_nothing_is_assumed_and_what_stays_here_is_safe(catalog):
    names = catalog(found={"ollama": ["m"]}, OPENAI_API_KEY="k")

    (vendor,), (server,) = names.endpoints("openai/m"), names.endpoints("ollama/m")

    assert (vendor.collects_data, vendor.retains_data) == (None, None)
    assert (server.collects_data, server.retains_data) == (False, False)


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ({"model": "@preset/other"}, "presets.x names a preset as its model"),
        ({"provider": {"ordre": []}}, "presets.x.provider has no key 'ordre'"),
    ],
)
def test_a_preset_that_cannot_be_is_refused_at_the_start(catalog, preset, message):
    with pytest.raises(ConfigError, match=message):
        catalog({"presets": {"x": preset}})
