"""The answers of a panel as a judge or writer sees them: anonymous, shuffled, lettered, fenced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from tritium.chat import ChatRequest
from tritium.fusion.fence import Fence
from tritium.fusion.run import SeatReport

LETTERS = "ABCDEFGH"


class Candidates:
    """Answers in a random order that the seed repeats; `letter` and `seat` translate."""

    def __init__(self, answers: Sequence[SeatReport], order_seed: int) -> None:
        order = list(answers)
        random.Random(order_seed).shuffle(order)  # noqa: S311 - an order to be repeated, not a secret
        self.by_letter = dict(zip(LETTERS, order, strict=False))
        self.fence = Fence()

    def block(self) -> str:
        return "\n\n".join(
            self.fence.around(f"candidate {letter}", each.text) for letter, each in self.by_letter.items()
        )

    def prompt(self, name: str) -> str:
        """One of our own instructions with this request's fence word in it; nothing untrusted is formatted in."""
        text = files("tritium.fusion").joinpath("prompts", f"{name}.md").read_text("utf-8")
        return text.replace("FENCE", self.fence.word)

    def model_of(self, letter: Any) -> Any:
        """A letter as the model behind it, for readers who may know; anything else as it is."""
        if not isinstance(letter, str):
            return letter
        seat = self.by_letter.get(letter.strip().upper().removeprefix("CANDIDATE "))
        return seat.model if seat else letter


def task_block(request: ChatRequest, fence: Fence) -> str:
    """The conversation as data for a judge."""
    turns = "\n\n".join(f"[{message.role}]\n{message.text()}" for message in request.body.messages if message.text())
    return fence.around("task", turns)
