"""Presets: options that go together, by a name; whatever is said beside the name counts over them.

The three `general` ones are OpenRouter's names. Its panels are lists of models that age in weeks; here the panel is
whoever is within reach and the preset says how it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from tritium.errors import TritiumError, suggestion

Preset = Literal["general-high", "general-budget", "general-fast", "code", "research", "safety"]

PRESETS: dict[Preset, dict[str, Any]] = {
    # Always judged and written anew, whatever the strongest cost.
    "general-high": {"strategy": "synthesize", "max_seat_cost_ratio": None},
    # Two cheap makers; the strong model only if they differ.
    "general-budget": {"strategy": "cascade"},
    # Nobody is waited for who is slower than most.
    "general-fast": {
        "grace_seconds": 0.25,
        "hedge": "bench",
        "seat_timeout_seconds": 30.0,
        "deadline_seconds": 45.0,
        "judge_timeout_seconds": 20.0,
    },
    # One program is picked, whichever comes first, and given as it is.
    "code": {"strategy": "rank"},
    # Long answers, everybody heard, each claim with who supports it.
    "research": {
        "strategy": "synthesize",
        "provenance": True,
        "grace_seconds": 120.0,
        "seat_timeout_seconds": 600.0,
        "deadline_seconds": 900.0,
        "judge_timeout_seconds": 300.0,
    },
    # More than two thirds must agree, and a judge must say the same in both orders; who dissents is told.
    "safety": {"majority": 0.67, "judge_orders": 2, "provenance": True},
}


def with_preset(options: Mapping[str, Any], *, where: str, error: Callable[[str], TritiumError]) -> dict[str, Any]:
    """The options with those of the preset that they name beneath them.

    Raises:
        TritiumError: what `error` makes of the message, if there is no such preset.
    """
    name = options.get("preset")
    if name is None:
        return dict(options)
    if name not in get_args(Preset):
        known = ", ".join(PRESETS)
        raise error(f"{where} has no preset {name!r}.{suggestion(str(name), list(PRESETS))} There are {known}.")
    return {**PRESETS[name], **options}
