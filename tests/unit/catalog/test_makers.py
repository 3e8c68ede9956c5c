"""Makers by name: the same weights have one maker wherever they are served."""

from __future__ import annotations

import pytest

from tritium.catalog.makers import maker_of


@pytest.mark.parametrize(
    ("host", "model", "maker"),
    [
        ("openai", "gpt-6.1-sol", "openai"),
        ("openai", "o3", "openai"),
        ("zai", "glm-5.3", "zai"),
        ("zhipu", "GLM-5.3", "zai"),
        ("moonshot", "kimi-k3.1-pro", "moonshotai"),
        ("together", "moonshotai/Kimi-K3.1-Pro", "moonshotai"),
        ("together", "zai-org/GLM-5.3", "zai"),
        ("fireworks", "accounts/fireworks/models/glm-5p3", "zai"),
        ("cloudflare", "@cf/meta/llama-3.3-70b-instruct-fp8-fast", "meta"),
        ("openrouter", "~anthropic/claude-opus-latest", "anthropic"),
        ("openrouter", "some-lab/some-model", "some-lab"),
        ("cerebras", "gpt-oss-120b", "openai"),
        ("ovhcloud", "Qwen3.5-397B-A17B", "alibaba"),
        ("router", "big", "router"),
    ],
)
def test_the_same_weights_have_one_maker_wherever_they_are_served(host, model, maker):
    assert maker_of(model, host) == maker


def test_an_unknown_family_is_its_own_maker_on_a_server_that_trains_nothing():
    assert maker_of("smollm2:1.7b", "ollama", of_many=True) == "smollm"
    assert maker_of("42", "ollama", of_many=True) == "ollama"
