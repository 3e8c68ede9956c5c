"""The embedded models on real questions: each alone, by vote, by consensus, fused with itself, and with a judge.

    python benchmarks/local.py [--data DIR] [--quick] [--json PATH] [--gsm N]

54 short questions of our own (34 with a number, 20 facts) and, given a folder with `zeroeval_gsm_items.parquet`,
the first N (30) questions of GSM8K. The strategies are the engine's own: a `Fusion` over a roster whose members answer
greedily, so a member's answer is generated once and then remembered for every strategy that asks the same.
Accuracy comes with a 95 % Wilson interval; no difference within it means anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tritium.app import Running, running
from tritium.chat import ChatRequest, Chunk, Completion, Usage, collect, text_chunk
from tritium.config import Config, load_config
from tritium.fusion.answers import canonical
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.fusion.roster import Facts, Pace, Profile
from tritium.model import Call, Generation, Model, new_call


class Remembering:
    """A model that answers the same question the same way without thinking again; time is counted once."""

    def __init__(self, inner: Model, memory: dict[bytes, tuple[Completion, float]]) -> None:
        self.inner = inner
        self.memory = memory

    @property
    def id(self) -> str:
        return self.inner.id

    @asynccontextmanager
    async def answer(self, request: ChatRequest, call: Call) -> AsyncIterator[AsyncIterator[Chunk]]:
        key = self.id.encode() + request.encode(stream=None, model=None)
        found = self.memory.get(key)
        if found is None:
            started = time.perf_counter()
            async with self.inner.answer(request.replace(stream=True), call) as chunks:
                found = (await collect(chunks), time.perf_counter() - started)
            self.memory[key] = found
        else:
            call.recorder.generation(self._row(found[0], call))
        yield _once(found[0])

    def _row(self, said: Completion, call: Call) -> Generation:
        usage = said.usage or Usage()
        return Generation(
            id=call.id, request_id=call.request_id, model=self.id, provider="local", role=call.role,
            created_at=time.time(), usage=usage, cost_nanodollars=0, outcome="ok", finish_reason=said.finish_reason,
            streamed=True, first_token_ms=None, latency_ms=0.0,
        )  # fmt: skip


async def _once(said: Completion) -> AsyncIterator[Chunk]:
    yield text_chunk(said.text, said.finish_reason, said.usage)


class RememberingRoster:
    """The catalogue, its models made to remember."""

    def __init__(self, up: Running) -> None:
        self.catalog = up.catalog
        self.memory: dict[bytes, tuple[Completion, float]] = {}

    def resolve(self, name: str) -> Model:
        return Remembering(self.catalog.resolve(name), self.memory)

    def profile(self, name: str) -> Profile:
        return self.catalog.profile(name)

    def facts(self, name: str) -> Facts:
        return self.catalog.facts(name)

    def ready(self, name: str) -> bool:
        return self.catalog.ready(name)

    def pace(self, name: str) -> Pace:
        return self.catalog.pace(name)

    def reachable(self) -> list[list[str]]:
        return self.catalog.reachable()

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        return self.catalog.cost_nanodollars(name, usage)


class Nowhere:
    """A recorder that keeps nothing."""

    def generation(self, row: Generation) -> None: ...

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None: ...


def arms(panel: list[str]) -> dict[str, FusionOptions]:
    """What is compared; the strongest model is first on the panel."""
    patient = FusionOptions(seat_timeout_seconds=600, deadline_seconds=1800, judge_timeout_seconds=600, seed=1)
    together = replace(patient, panel=list(panel), quorum=len(panel))
    return {
        **{name: replace(patient, panel=[name], strategy="single") for name in panel},
        "vote": replace(together, strategy="vote"),
        "consensus": replace(together, strategy="consensus"),
        "self-fused (3 samples of the best)": replace(patient, panel=[panel[0]], strategy="self", quorum=3),
        "judge and synthesizer (the best)": replace(
            together, strategy="synthesize", judge=panel[0], synthesizer=panel[0]
        ),
    }


async def answer(fusion: Fusion, question: dict[str, Any], max_tokens: int) -> str:
    messages = [{"role": "user", "content": question["question"]}]
    request = ChatRequest.build(
        "bench", messages, max_tokens=max_tokens, temperature=0 if fusion.options.strategy != "self" else None
    )
    async with fusion.answer(request, new_call(Nowhere())) as chunks:
        return (await collect(chunks)).text


def right(question: dict[str, Any], said: str) -> bool:
    if question["kind"] == "fact":
        return any(re.search(rf"\b{re.escape(each)}\b", said.casefold()) for each in question["accepted"])
    found = canonical(said, "number", question=question["question"])
    return found is not None and _number(found.partition(" ")[0]) == float(question["answer"])


def _number(text: str) -> float:
    return float(Fraction(text.replace(",", "")))


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share."""
    z, share = 1.96, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return middle - half, middle + half


def load_questions(options: argparse.Namespace) -> dict[str, tuple[list[dict[str, Any]], int]]:
    """Set name -> questions and the output tokens they are given."""
    lines = (Path(__file__).parent / "questions" / "short.jsonl").read_text().splitlines()
    short = [json.loads(line) for line in lines]
    sets = {"short": (short[::9] if options.quick else short, 160)}
    if options.data is not None:
        from pyarrow import parquet  # noqa: PLC0415 - only those who bring data need it

        rows = parquet.read_table(options.data / "zeroeval_gsm_items.parquet").to_pylist()[
            : 2 if options.quick else options.gsm
        ]
        gsm = [{"question": row["question"], "kind": "number", "answer": _number(str(row["gold"]))} for row in rows]
        sets["GSM8K"] = (gsm, 420)
    return sets


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a folder with zeroeval_gsm_items.parquet")
    parser.add_argument("--gsm", type=int, default=30, help="GSM8K questions to ask")
    parser.add_argument("--quick", action="store_true", help="a handful of questions, under 50 s")
    parser.add_argument("--answers", type=Path, help="write every answer there, one JSON object a line")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    config = load_config(None)
    figures: list[dict[str, Any]] = []
    async with running(_local_only(config), {}) as up:
        panel = [f"local/{model.id}" for model in sorted(up.embedded, key=lambda model: -(model.quality or 0))]
        if not panel:
            print("No embedded model is installed; run: tritium models install full", file=sys.stderr)
            return 2
        roster = RememberingRoster(up)
        for name, (questions, max_tokens) in load_questions(options).items():
            figures += await ask_all(name, questions, max_tokens, panel, roster, options.answers)
        figures += speeds(roster, panel)
    if options.json:
        machine = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        versions = {"xllamacpp": version("xllamacpp")}
        options.json.write_text(json.dumps({"figures": figures, "machine": machine, "versions": versions}, indent=1))
    return 0


async def ask_all(
    name: str,
    questions: list[dict[str, Any]],
    max_tokens: int,
    panel: list[str],
    roster: RememberingRoster,
    answers: Path | None,
) -> list[dict[str, Any]]:
    print(f"\n{name}: {len(questions)} questions\n{'':38}{'right':>8}{'share':>8}{'95 % interval':>18}{'seconds':>10}")
    figures: list[dict[str, Any]] = []
    for arm, settings in arms(panel).items():
        fusion = Fusion("bench", settings, roster)
        started = time.perf_counter()
        hits = 0
        for question in questions:
            said = await answer(fusion, question, max_tokens)
            correct = right(question, said)
            hits += correct
            if answers is not None:
                line = {"set": name, "arm": arm, "question": question["question"], "right": correct, "answer": said}
                with answers.open("a") as file:
                    file.write(json.dumps(line) + "\n")
        low, high = wilson(hits, len(questions))
        seconds = time.perf_counter() - started
        print(
            f"{arm:38}{hits:>8}{hits / len(questions):>8.1%}{f'{low:.1%} to {high:.1%}':>18}{seconds:>10.0f}",
            flush=True,
        )
        figures.append(
            {
                "name": f"{name}: {arm}",
                "value": hits / len(questions),
                "unit": "share",
                "bar": None,
                "holds": None,
                "n": len(questions),
                "low": low,
                "high": high,
            }
        )
    return figures


def speeds(roster: RememberingRoster, panel: list[str]) -> list[dict[str, Any]]:
    """Output tokens per second over everything that was really generated."""
    print(f"\n{'':38}{'tokens/s':>10}")
    figures: list[dict[str, Any]] = []
    for name in panel:
        mine = [said for key, said in roster.memory.items() if key.startswith(name.encode())]
        tokens = sum(said.usage.output for said, _ in mine if said.usage)
        seconds = sum(took for _, took in mine)
        rate = tokens / seconds if seconds else 0.0
        print(f"{name:38}{rate:>10.1f}")
        figures.append({"name": f"{name}: output", "value": rate, "unit": "tokens/s", "bar": None, "holds": None})
    return figures


def _local_only(config: Config) -> Config:
    return replace(config, local=replace(config.local, detect_servers=False), providers={})


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
