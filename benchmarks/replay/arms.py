"""What is measured on each set: fusions by their options, beside single models; and what was known of them before.

An arm is a request's `fusion` field. Options that the engine doesn't have are reported as such and not measured.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

CHEAP_FOUR = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "deepseek-v2.5-0908", "Meta-Llama-3.1-70B-Instruct")
FRONTIER_FIVE = (
    "gpt-4o-2024-08-06",
    "claude-3-5-sonnet-20241022",
    "gemini-1.5-pro",
    "Mistral-Large-2",
    "Llama-3.1-405B-Inst@sambanova",
)
PAIR = ("gpt-4o-mini-2024-07-18", "deepseek-v2.5-0908")
SONNET = "claude-3-5-sonnet-20241022"
CALLING_TRIO = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash-preview-0514", "claude-3-haiku-20240307")
CALLING_FIVE = (*CALLING_TRIO, "open-mistral-nemo-2407-FC-Any", "meta-llama_Meta-Llama-3-70B-Instruct")
CODING_TRIO = ("claude-plus", "claude", "bard")
CODING_FIVE = ("gpt-4", "gpt-3.5-turbo", *CODING_TRIO)


class Arm(Struct, frozen=True):
    """One way to answer a set's tasks."""

    name: str
    options: dict[str, Any]
    accuracy: float | None = None
    """Known from an earlier measurement on all items of the set; None if there is none."""
    cost_ratio: float | None = None
    """The same, to the strong model."""

    @property
    def panel(self) -> list[str]:
        return [name.removeprefix("recorded/") for name in self.options["panel"]]


class Comparison(Struct, frozen=True):
    """The arms of a set, and the single models they are held against."""

    strong: str
    weak: str
    """The other end of the random router."""
    arms: list[Arm]
    strong_accuracy: float | None = None
    """Known, as in `Arm`."""
    baselines: list[str] = field(default_factory=list)


def fusion(panel: tuple[str, ...], **options: Any) -> dict[str, Any]:
    named = {"panel": [f"recorded/{model}" for model in panel], **options}
    if "escalate" in options:
        named["escalate"] = f"recorded/{options['escalate']}"
    return named


def number_arms(*, gate: tuple[float, float], stop: tuple[float, float], five: tuple[float, float | None]) -> list[Arm]:
    return [
        Arm("economy: pair agrees, else strong", fusion(PAIR, strategy="cascade", escalate=SONNET, agree=2), *gate),
        Arm(
            "cheap four in turn, stop at 3 equal, else strong",
            fusion(CHEAP_FOUR, strategy="cascade", escalate=SONNET, agree=3, max_concurrency=1),
            *stop,
        ),
        Arm("vote, cheap four", fusion(CHEAP_FOUR, strategy="vote")),
        Arm("vote, frontier five", fusion(FRONTIER_FIVE, strategy="vote"), *five),
        Arm("auto, cheap four", fusion(CHEAP_FOUR, strategy="auto")),
        Arm("auto, frontier five", fusion(FRONTIER_FIVE, strategy="auto")),
    ]


COMPARISONS = {
    "GSM8K": Comparison(
        SONNET,
        PAIR[0],
        number_arms(gate=(0.967, 0.17), stop=(0.970, 0.17), five=(0.973, 3.49)),
        0.967,
    ),
    "MATH level 5": Comparison(
        SONNET,
        PAIR[0],
        number_arms(gate=(0.617, 0.74), stop=(0.623, 0.93), five=(0.663, None)),
        0.594,
    ),
    "BFCL": Comparison(
        "claude-3-5-sonnet-20240620",
        CALLING_TRIO[0],
        [
            Arm("tool vote, cheap trio", fusion(CALLING_TRIO, strategy="vote", tools="vote"), 0.937),
            Arm("tool vote, cheap five", fusion(CALLING_FIVE, strategy="vote", tools="vote"), 0.951),
            Arm("auto, cheap five", fusion(CALLING_FIVE, strategy="auto")),
            Arm("auto with tool vote, cheap five", fusion(CALLING_FIVE, strategy="auto", tools="vote")),
        ],
        0.944,
    ),
    "HumanEval": Comparison(
        "gpt-4",
        "gpt-3.5-turbo",
        [
            Arm("vote, trio", fusion(CODING_TRIO, strategy="vote")),
            Arm("consensus, trio", fusion(CODING_TRIO, strategy="consensus")),
            Arm("vote, five", fusion(CODING_FIVE, strategy="vote")),
            Arm("consensus, five", fusion(CODING_FIVE, strategy="consensus")),
            Arm("auto, trio", fusion(CODING_TRIO, strategy="auto")),
            Arm("auto, five", fusion(CODING_FIVE, strategy="auto")),
        ],
    ),
}
