"""A set of tasks with recorded answers and labels: written for the `recorded` provider, and asked what was right.

What an arm answers is looked up among the recorded answers to that item, so its label is the data set's own and owes
nothing to how the engine reads answers. Only a text that nobody recorded is compared with the gold answer.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from tritium.chat import Completion
from tritium.fusion.answers import canonical, same_answer
from tritium.fusion.canonical.tool_calls import canonical_calls

DEVELOPMENT_SHARE = 5
"""One item of so many is for fitting, chosen by a hash of its id; no figure is taken from it."""


class Task(Struct, frozen=True):
    """One item."""

    id: str
    question: str
    rules: str = ""
    """The system message."""
    tools: list[dict[str, Any]] = field(default_factory=list)
    gold: str | None = None
    """Canonical; None where only the labels of recorded answers say what is right."""

    def fields(self) -> dict[str, Any]:
        """Of the request that asks it."""
        system = [{"role": "system", "content": self.rules}] if self.rules else []
        messages = [*system, {"role": "user", "content": self.question}]
        return {"messages": messages, "metadata": {"item": self.id}, "tools": self.tools or None}


class Answer(Struct, frozen=True):
    """What one model answered, and whether it was right."""

    item: str
    model: str
    right: bool
    text: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    """Functions with their arguments as JSON."""
    input_tokens: float | None = None
    output_tokens: float | None = None
    latency_ms: float | None = None


class Verdict(Struct, frozen=True):
    right: bool
    recorded: bool
    """The answer is one of the recorded ones, and `right` is its label."""


class TaskSet:
    """Tasks, answers, and dollars per million tokens in and out by model."""

    def __init__(
        self, name: str, tasks: Sequence[Task], answers: Sequence[Answer], prices: Mapping[str, tuple[str, str]]
    ) -> None:
        self.name = name
        self.tasks = tasks
        self.answers = answers
        self.prices = prices
        self.development = {task.id for task in tasks if is_development(task.id)}

    @cached_property
    def right(self) -> dict[str, dict[str, bool]]:
        """Labels by model, then by item."""
        found: dict[str, dict[str, bool]] = {}
        for answer in self.answers:
            found.setdefault(answer.model, {})[answer.item] = answer.right
        return found

    @cached_property
    def strengths(self) -> dict[str, float]:
        """The share of right answers on the development items, by model."""
        return {
            model: _mean([labels.get(item, False) for item in self.development]) for model, labels in self.right.items()
        }

    @cached_property
    def complete(self) -> list[str]:
        """The models that answered every item."""
        return [model for model, labels in self.right.items() if len(labels) == len(self.tasks)]

    @cached_property
    def _labels(self) -> dict[tuple[str, str | None], bool]:
        return {(answer.item, _said(answer.text, answer.calls)): answer.right for answer in self.answers}

    def verdict(self, task: Task, given: Completion) -> Verdict:
        """Whether an answer is right."""
        functions = [call.function for call in given.tool_calls if call.function is not None]
        calls = [(each.name or "", each.arguments or "") for each in functions]
        label = self._labels.get((task.id, _said(given.text, calls)))
        if label is not None:
            return Verdict(label, recorded=True)
        right = task.gold is not None and same_answer(canonical(given.text, "number"), task.gold, "number")
        return Verdict(right, recorded=False)

    def write(self, folder: Path) -> None:
        """The set in the recorded provider's format, with strengths from the development items."""
        encode = msgspec.json.Encoder().encode
        with (folder / "items.jsonl").open("wb") as file:
            file.writelines(encode({"id": task.id, "prompt": task.question}) + b"\n" for task in self.tasks)
        with (folder / "responses.jsonl").open("wb") as file:
            file.writelines(encode(_recorded(answer)) + b"\n" for answer in self.answers)
        with (folder / "prices.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["model", "usd_per_m_input", "usd_per_m_output", "strength"])
            for model, strength in self.strengths.items():
                table.writerow([model, *self.prices.get(model, ("", "")), f"{strength:.6f}"])


def is_development(item: str) -> bool:
    return int.from_bytes(blake2b(item.encode(), digest_size=4).digest()) % DEVELOPMENT_SHARE == 0


def _recorded(answer: Answer) -> dict[str, Any]:
    calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in answer.calls]
    row = {"item": answer.item, "model": answer.model, "text": answer.text, "tool_calls": calls}
    figures = {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "latency_ms": answer.latency_ms,
    }
    return row | {name: value for name, value in figures.items() if value is not None}


def _said(text: str | None, calls: Sequence[tuple[str, str]]) -> str | None:
    return canonical_calls(calls) if calls else (text or "")


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
