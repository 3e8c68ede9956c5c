"""Tables of recorded answers with labels, read into task sets: GSM8K, MATH level 5, BFCL tool calls, HumanEval.

The folder holds `<set>_items.parquet` and `<set>_responses.parquet` (HumanEval: `_candidates`), joined by `item_id`,
and `prices.csv`. Token counts that were not recorded are a quarter of the characters.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from replay.task_set import Answer, Task, TaskSet
from tritium.fusion.answers import canonical

Row = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
QUICK_ITEMS = 200

NUMBER_RULES = 'Reason first. Reply with JSON: {"reasoning": "...", "answer": "..."}, the answer a single number.'
"""The recorded prompts asked for such a reply in words that the tables do not keep."""

SAME_PRICE = {
    "gemini-1.5-flash-preview-0514": "gemini-1.5-flash",
    "gemini-1.5-pro-preview-0409": "gemini-1.5-pro",
    "gemini-1.5-pro-preview-0514": "gemini-1.5-pro",
    "meta-llama_Meta-Llama-3-70B-Instruct": "Meta-Llama-3-70B-Instruct",
    "open-mistral-nemo-2407": "Mistral-Nemo-Instruct-2407",
}
"""Names of a model in the tables beside its name in the price list."""


def read_sets(folder: Path, *, quick: bool) -> list[TaskSet]:
    """All sets; with `quick` the same two hundred items of each every time."""
    listed = price_list(folder)
    return [
        numbers(folder, "GSM8K", "zeroeval_gsm", listed, quick=quick),
        numbers(folder, "MATH level 5", "zeroeval_math_l5", listed, quick=quick),
        calls(folder, listed, quick=quick),
        programs(folder, listed, quick=quick),
    ]


def numbers(folder: Path, name: str, stem: str, listed: dict[str, Row], *, quick: bool) -> TaskSet:
    """Questions whose answer is a number."""
    items = sample(rows(folder, f"{stem}_items"), quick=quick)
    lengths = {item["item_id"]: item["prompt_chars"] for item in items}
    tasks = [
        Task(item["item_id"], item["question"], rules=NUMBER_RULES, gold=canonical(item["gold"], "number"))
        for item in items
    ]
    answers = [
        Answer(
            item=row["item_id"],
            model=row["model"],
            right=bool(row["correct"]),
            text=row["text"],
            input_tokens=math.ceil(lengths[row["item_id"]] / CHARACTERS_PER_TOKEN),
            output_tokens=math.ceil(row["output_chars"] / CHARACTERS_PER_TOKEN),
        )
        for row in rows(folder, f"{stem}_responses")
        if row["item_id"] in lengths
    ]
    return TaskSet(name, tasks, answers, priced(answers, listed))


def calls(folder: Path, listed: dict[str, Row], *, quick: bool) -> TaskSet:
    """Questions to be answered by calling functions; models whose calls mostly can't be read are left out."""
    items = sample(rows(folder, "bfcl_items"), quick=quick)
    tasks = [
        Task(item["item_id"], item["question"], tools=[tool(each) for each in json.loads(item["functions"])])
        for item in items
    ]
    lengths = {item["item_id"]: len(item["question"]) + len(item["functions"]) for item in items}
    table = rows(folder, "bfcl_responses")
    able = {model for model, share in mean_by_model(table, "decoded").items() if share >= 0.65}
    answers = [
        Answer(
            item=row["item_id"],
            model=row["model"],
            right=bool(row["correct"]),
            calls=tuple((name, json.dumps(given)) for name, given in json.loads(row["calls"] or "[]")),
            input_tokens=row["in_tokens"] or math.ceil(lengths[row["item_id"]] / CHARACTERS_PER_TOKEN),
            output_tokens=row["out_tokens"] or None,
            latency_ms=None if row["latency_s"] is None else row["latency_s"] * 1e3,
        )
        for row in table
        if row["item_id"] in lengths and row["model"] in able
    ]
    return TaskSet("BFCL", tasks, answers, priced(answers, listed))


def tool(function: Row) -> Row:
    """OpenAI's shape. The recorded values are hashes: parameters' types are left out, as no value would fit them."""
    parameters = function["parameters"]
    properties = {name: {"description": each.get("description", "")} for name, each in parameters["properties"].items()}
    schema = {"type": "object", "properties": properties, "required": parameters.get("required", [])}
    name = function["name"].replace(".", "_")  # as the recorded calls have it
    return {
        "type": "function",
        "function": {"name": name, "description": function["description"], "parameters": schema},
    }


def programs(folder: Path, listed: dict[str, Row], *, quick: bool) -> TaskSet:
    """Functions to be completed; right is what passes the extended tests. Most of these models are in no price list."""
    items = sample(rows(folder, "humaneval_items"), quick=quick)
    tasks = [Task(item["item_id"], item["prompt"]) for item in items]
    kept = {task.id for task in tasks}
    answers = [
        Answer(item=row["item_id"], model=row["model"], right=bool(row["pass_plus"]), text=row["text"])
        for row in rows(folder, "humaneval_candidates")
        if row["item_id"] in kept
    ]
    return TaskSet("HumanEval", tasks, answers, priced(answers, listed))


def rows(folder: Path, table: str) -> list[Row]:
    path = folder / f"{table}.parquet"
    if not path.exists():
        raise SystemExit(f"{path} is missing; --data names the folder with the tables.")
    return pyarrow.parquet.read_table(path).to_pylist()  # type: ignore[no-any-return]


def sample(items: Sequence[Row], *, quick: bool) -> Sequence[Row]:
    """Evenly spaced over the set."""
    if not quick or len(items) <= QUICK_ITEMS:
        return items
    return [items[at * len(items) // QUICK_ITEMS] for at in range(QUICK_ITEMS)]


def mean_by_model(table: Iterable[Row], column: str) -> dict[str, float]:
    found: dict[str, list[bool]] = {}
    for row in table:
        found.setdefault(row["model"], []).append(bool(row[column]))
    return {model: sum(values) / len(values) for model, values in found.items()}


def price_list(folder: Path) -> dict[str, Row]:
    path = folder / "prices.csv"
    if not path.exists():
        raise SystemExit(f"{path} is missing; --data names the folder with the tables.")
    with path.open(newline="") as lines:
        return {row["model"]: row for row in csv.DictReader(lines)}


def priced(answers: Iterable[Answer], listed: dict[str, Row]) -> dict[str, tuple[str, str]]:
    """Dollars per million tokens in and out by model, for those in the list."""
    found = {}
    for model in sorted({answer.model for answer in answers}):
        plain = model.partition("-FC")[0]  # the same model, called through its own interface for functions
        row = listed.get(SAME_PRICE.get(plain, plain))
        if row is not None:
            found[model] = (row["usd_per_m_input"], row["usd_per_m_output"])
    return found
