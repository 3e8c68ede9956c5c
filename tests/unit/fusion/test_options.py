"""A fusion's options: from the file, from OpenRouter's plugin, from the request, each laid over the one before."""

from __future__ import annotations

from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.errors import ConfigError, InvalidRequest
from tritium.fusion.options import FusionOptions, Seat, configured, requested
from tritium.fusion.presets import PRESETS


def asked(base: FusionOptions | None = None, **fields: Any) -> FusionOptions:
    return requested(base or FusionOptions(), ChatRequest.build("m", [{"role": "user", "content": "Hi"}], **fields))


def test_counts_are_written_out_with_their_settings():
    options = FusionOptions(panel=["a", Seat("b", count=2, temperature=0.3, seed=1, max_tokens=5)])

    assert options.seats() == [Seat("a"), *[Seat("b", temperature=0.3, seed=1, max_tokens=5)] * 2]
    assert FusionOptions().seats() == []


@pytest.mark.parametrize("panel", [["a"] * 9, [Seat("a", count=8), "b"]])
def test_a_panel_has_at_most_eight_seats(panel):
    with pytest.raises(InvalidRequest, match="at most 8 seats; this one has 9"):
        FusionOptions(panel=panel).seats()


def test_a_request_says_only_what_it_wants_otherwise():
    base = FusionOptions(panel=["a", Seat("b", temperature=0.5)], quorum=2, grace_seconds=1.5, seed=7)

    assert asked(base, fusion={"quorum": 1}) == FusionOptions(
        panel=["a", Seat("b", temperature=0.5)], quorum=1, grace_seconds=1.5, seed=7
    )
    assert asked(base) == base
    assert asked(base, fusion={"quorum": None}).quorum is None


def test_the_requests_own_field_comes_over_the_plugin_and_the_plugin_over_the_file():
    base = FusionOptions(panel=["file"], judge="file", synthesizer="file")
    plugin = {"id": "fusion", "analysis_models": ["plugin-a", "plugin-b"], "model": "plugin"}

    options = asked(base, plugins=[{"id": "web", "max_results": 3}, plugin], fusion={"synthesizer": "own"})

    assert options.panel == ["plugin-a", "plugin-b"]
    assert (options.judge, options.synthesizer) == ("plugin", "own")


@pytest.mark.parametrize(
    ("plugin", "enabled"),
    [({"enabled": False}, False), ({"enabled": True}, True), ({}, True), ({"preset": "code"}, True)],
)
def test_the_plugin_can_switch_the_fusion_off(plugin, enabled):
    assert asked(plugins=[{"id": "fusion", **plugin}]).enabled is enabled


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"fusion": {"qourum": 2}}, "fusion", "fusion has no key 'qourum'. Did you mean 'quorum'?"),
        ({"fusion": {"temperature": 1}}, "fusion", "fusion has no key 'temperature'. It is a key of 'panel.*'."),
        ({"fusion": {"panel": "a"}}, "fusion", "fusion.panel: expected `array | null`, got `str`."),
        ({"fusion": {"panel": [1]}}, "fusion", "fusion.panel[0]: expected `str | object`, got `int`."),
        ({"fusion": {"panel": [{}]}}, "fusion", "fusion.panel[0] needs the key 'model'."),
        ({"fusion": {"panel": [{"model": "a", "count": 9}]}}, "fusion", "fusion.panel[0].count: expected `int` <= 8."),
        ({"fusion": {"strategy": "best"}}, "fusion", "fusion.strategy: invalid enum value 'best'."),
        ({"fusion": {"samples": 1}}, "fusion", "fusion.samples: expected `int` >= 2."),
        ({"fusion": {"deadline_seconds": 0}}, "fusion", "fusion.deadline_seconds: expected `float` > 0.0."),
        ({"fusion": {"max_cost_usd": -1}}, "fusion", "fusion.max_cost_usd: expected `float` >= 0.0."),
        ({"fusion": {"events": "yes"}}, "fusion", "fusion.events: expected `bool`, got `str`."),
        ({"plugins": [{"id": "fusion", "models": []}]}, "plugins[0]", "plugins[0] has no key 'models'. Did you mean"),
        ({"plugins": [{"id": "fusion", "analysis_models": "a"}]}, "plugins[0]", ".analysis_models: expected `array"),
        ({"plugins": [{"id": "fusion", "analysis_models": ["a"] * 9}]}, "plugins[0]", "of length <= 8"),
        ({"plugins": [{"id": "fusion", "max_tool_calls": 17}]}, "plugins[0]", "max_tool_calls: expected `int` <= 16"),
        ({"plugins": [{"id": "fusion", "mode": "maybe"}]}, "plugins[0]", "plugins[0].mode: invalid enum value 'maybe'"),
        ({"plugins": [{"id": "fusion", "model": 3}]}, "plugins[0]", "expected `str | null`, got `int`."),
    ],
)
def test_what_means_nothing_is_refused_by_name(fields, param, message):
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)

    assert message in caught.value.message
    assert caught.value.param == param


def test_in_the_file_the_same_mistakes_are_mistakes_of_the_file():
    with pytest.raises(ConfigError, match="Did you mean 'quorum'") as caught:
        configured({"qourum": 2}, where='models."mine"', error=ConfigError)

    assert caught.value.message.startswith('models."mine" has no key')
    assert configured({"panel": ["a", {"model": "b"}]}, where="x", error=ConfigError).panel == ["a", Seat("b")]


# ---------------------------------------------------------------- presets


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_made_of_options_there_are(name):
    assert configured({"preset": name}, where="fusion", error=ConfigError).preset == name


def test_what_is_said_beside_a_preset_counts_over_it():
    options = asked(fusion={"preset": "general-budget", "strategy": "vote"})

    assert (options.preset, options.strategy) == ("general-budget", "vote")


def test_a_requests_preset_counts_over_the_models_own_options():
    assert asked(FusionOptions(strategy="vote", samples=4), fusion={"preset": "code"}).strategy == "rank"
    assert asked(FusionOptions(samples=4), fusion={"preset": "code"}).samples == 4


def test_the_plugins_preset_is_ours_and_its_models_count_over_it():
    plugin = {"id": "fusion", "preset": "general-budget", "analysis_models": ["a", "b"], "model": "c"}
    options = asked(plugins=[plugin])

    assert (options.strategy, options.panel, options.judge) == ("cascade", ["a", "b"], "c")


def test_a_preset_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(InvalidRequest, match=r"no preset 'general-hihg'.*Did you mean 'general-high'"):
        asked(fusion={"preset": "general-hihg"})
    with pytest.raises(InvalidRequest, match="the fusion plugin has no preset 'x'"):
        asked(plugins=[{"id": "fusion", "preset": "x"}])
