"""The kept snapshot: whole, dated, about vendors there are, and silent where it knows nothing."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

from tritium.catalog.capabilities import EMBEDDED, EMBEDDINGS, UNKNOWN, capabilities, taken_on
from tritium.config import Config
from tritium.providers.registry import vendors

SNAPSHOT = json.loads(files("tritium.catalog").joinpath("capabilities.json").read_bytes())
ABILITIES = {"tools", "structured", "reasoning", "temperature"}
MODALITIES = {"text", "image", "audio", "video", "pdf", ""}


def test_every_row_can_be_read():
    for provider, models in SNAPSHOT["vendors"].items():
        for model, (context, output, abilities, inputs, outputs) in models.items():
            found = capabilities(provider, model)
            assert found is not None
            assert set(abilities.split()) <= ABILITIES
            assert set(inputs.split()) | set(outputs.split()) <= MODALITIES
            assert all(tokens is None or tokens > 0 for tokens in (context, output))
            assert found.outputs


def test_it_is_about_vendors_there_are_and_says_whose_it_is_and_of_when():
    assert set(SNAPSHOT["vendors"]) <= set(vendors(Config(), {}))
    assert date.fromisoformat(taken_on()) >= date(2026, 8, 18)
    assert "models.dev" in SNAPSHOT["about"]
    assert "Permission is hereby granted" in SNAPSHOT["licence"]


def test_a_model_it_does_not_have_is_none():
    assert capabilities("openai", "gpt-of-tomorrow") is None
    assert capabilities("nobody", "gpt-4o") is None


def test_parameters_follow_from_abilities():
    found = capabilities("openai", "gpt-4o")

    assert found is not None
    assert {"temperature", "top_p", "tools", "tool_choice", "response_format"} <= set(found.parameters)
    assert "reasoning" not in found.parameters
    assert "tools" not in found.without(("tools",)).parameters
    assert UNKNOWN.parameters == ["max_tokens", "stop", "temperature", "top_p"]
    assert "tools" not in EMBEDDED.parameters
    assert EMBEDDINGS.parameters == []


def test_a_file_is_what_openrouter_calls_models_devs_pdf():
    found = capabilities("openai", "gpt-4o")

    assert found is not None
    assert "file" in found.inputs
    assert "pdf" not in found.inputs
