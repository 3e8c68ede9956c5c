"""Which parameters of a request a model does without: by its wire format, its vendor's row, and what is known of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tritium.catalog.capabilities import Capabilities

_OPENAI_ONLY = frozenset(
    {
        "top_a", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "logprobs",
        "top_logprobs", "n", "verbosity", "prediction", "modalities",
    }
)  # fmt: skip
_BY_FORMAT = {
    "anthropic": _OPENAI_ONLY | {"seed"},
    "bedrock": _OPENAI_ONLY | {"parallel_tool_calls", "seed"},
    "gemini": _OPENAI_ONLY | {"parallel_tool_calls"},
    "vertex": _OPENAI_ONLY | {"parallel_tool_calls"},
}
_BY_ABILITY = {
    "temperature": ("temperature", "top_p"),
    "tools": ("tools", "tool_choice", "parallel_tool_calls"),
    "structured": ("response_format",),
    "reasoning": ("reasoning", "reasoning_effort"),
}
_REFUSED = ("temperature", "reasoning")
"""Abilities whose parameters a model that lacks them answers with a 400, and that only say how it is to answer."""


def ignored_parameters(wire_format: str, dropped: Collection[str], known: Capabilities | None) -> frozenset[str]:
    """The names; `known` is what the kept catalogue says of the model, None if it doesn't have it."""
    return _BY_FORMAT.get(wire_format, frozenset()) | frozenset(dropped) | _lacking(known, tuple(_BY_ABILITY))


def refused_parameters(known: Capabilities | None) -> frozenset[str]:
    """Those that a request is better sent without than refused for; none where nothing is known."""
    return _lacking(known, _REFUSED)


def _lacking(known: Capabilities | None, abilities: Sequence[str]) -> frozenset[str]:
    if known is None:
        return frozenset()
    return frozenset(name for each in abilities if each not in known.abilities for name in _BY_ABILITY[each])
