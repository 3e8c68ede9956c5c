"""Which parameters of a request a model does without: by its wire format, its vendor's row, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence

from tritium.catalog.capabilities import Capabilities

_OPENAI_ONLY = frozenset(
    {
        "top_a", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "logprobs",
        "top_logprobs", "n", "verbosity", "prediction", "modalities",
    }
)  # fmt: skip
_BY_FORMAT = {"anthropic": _OPENAI_ONLY | {"seed"}, "gemini": _OPENAI_ONLY | {"parallel_tool_calls"}}
_BY_ABILITY = {
    "temperature": ("temperature", "top_p"),
    "tools": ("tools", "tool_choice", "parallel_tool_calls"),
    "structured": ("response_format",),
    "reasoning": ("reasoning", "reasoning_effort"),
}


def ignored_parameters(wire_format: str, dropped: Sequence[str], known: Capabilities | None) -> frozenset[str]:
    """The names; `known` is what the kept catalogue says of the model, None if it doesn't have it."""
    lacking = {
        name
        for ability, names in _BY_ABILITY.items()
        if known is not None and ability not in known.abilities
        for name in names
    }
    return _BY_FORMAT.get(wire_format, frozenset()) | frozenset(dropped) | lacking
