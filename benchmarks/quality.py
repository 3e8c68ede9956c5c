"""Is a fusion better than a model, and at what price? The engine's own strategies over recorded answers of real models.

    python benchmarks/quality.py --data DIR [--quick] [--only SET] [--json PATH]

DIR holds tables of recorded answers with labels (see replay/tables.py). They are served by the `recorded` provider, and
every arm is asked every item through the gateway: what is measured is the code that answers callers. An answer is
right if the data set labels the recorded answer that was chosen so. Whatever is fitted (who breaks a tie, which single
model is best, confidence) is fitted on a fixed fifth of the items; figures are of the rest, with 95 % bootstrap
intervals paired by item, except those beside earlier measurements, which were of all items. Nobody recorded what
judges and writers say: where one would be asked, the engine's next rung answers (of a split vote, the strongest).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from replay.alike import alike
from replay.arms import COMPARISONS, Arm, Comparison
from replay.bars import all_bars
from replay.confidence import (
    Evidence,
    calibration_error,
    calibration_expectation,
    calibration_floor,
    equally_filled_error,
    fit_all,
)
from replay.figures import Bootstrap, Single, best_single, mean, random_router
from replay.tables import read_sets
from replay.task_set import TaskSet
from replay.trial import NotInThisEngine, Outcome, answer_all, gateway_over
from tritium.fusion.calibration import FittedMap, Logistic
from tritium.fusion.calibration_fit import fit
from tritium.gateway import Gateway

Row = dict[str, Any]

FUSION = "tritium/fusion"
NEAR = 0.01
"""A larger distance from an earlier measurement wants an explanation."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the tables")
    parser.add_argument("--quick", action="store_true", help="two hundred items of each set, and no bars")
    parser.add_argument("--only", choices=sorted(COMPARISONS), help="one set")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    options = parser.parse_args()
    began = time.perf_counter()
    measured: dict[str, list[Row]] = {}
    singles: dict[str, list[Row]] = {}
    missing: list[str] = []
    for tasks in read_sets(options.data, quick=options.quick):
        if options.only in (None, tasks.name):
            measured[tasks.name], singles[tasks.name] = asyncio.run(measure(tasks, missing))
            show(tasks, measured[tasks.name], singles[tasks.name], quick=options.quick)
    verdicts = [] if options.quick else judged(measured)
    for line in missing:
        print(f"not measured: {line}")
    print(f"\n{time.perf_counter() - began:.0f} s")
    if options.json:
        written = {
            "sets": {name: {"arms": rows, "singles": singles[name]} for name, rows in measured.items()},
            "bars": verdicts,
            "not_measured": missing,
            "quick": options.quick,
            "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
            "versions": {"python": platform.python_version(), "pyarrow": pa.__version__},
        }
        options.json.write_text(json.dumps(written, indent=2) + "\n")


# ------------------------------------------------------------------ measuring


async def measure(tasks: TaskSet, missing: list[str]) -> tuple[list[Row], list[Row]]:
    """The arms' figures, and those of the single models."""
    compared = COMPARISONS[tasks.name]
    async with gateway_over(tasks) as gateway:
        models = [model for model in tasks.complete if tasks.strengths[model] > 0]
        alone = {model: await answer_all(gateway, tasks, f"recorded/{model}", None) for model in models}
        known = Known(tasks, compared, alone)
        rows = [known.row(compared.strong, alone[compared.strong], compared.strong_accuracy, 1.0, [compared.strong])]
        asked = {arm.name: found for arm in compared.arms if (found := await _asked(gateway, tasks, arm, missing))}
        evidence = await _evidence(gateway, tasks, compared, asked)
    related = fit_all(list(evidence.values())) if evidence else None
    for arm in compared.arms:
        if outcomes := asked.get(arm.name):
            row = known.row(arm.name, outcomes, arm.accuracy, arm.cost_ratio, arm.panel)
            rows.append(row | known.calibration(outcomes, evidence.get(arm.name), related))
    return rows, [
        {"model": each.model, "accuracy": each.accuracy, "cost_usd": usd(each.cost)} for each in known.singles
    ]


async def _asked(gateway: Gateway, tasks: TaskSet, arm: Arm, missing: list[str]) -> list[Outcome]:
    try:
        return await answer_all(gateway, tasks, FUSION, arm.options)
    except NotInThisEngine as refused:
        missing.append(f"{tasks.name}, {arm.name}: {refused}")
        return []


async def _evidence(
    gateway: Gateway, tasks: TaskSet, compared: Comparison, asked: dict[str, list[Outcome]]
) -> dict[str, Evidence]:
    """What confidence is fitted on, by arm, for those in which votes are counted. Arms that did the same share it."""
    found: dict[str, Evidence] = {}
    for arm in compared.arms:
        own = [each for each in asked.get(arm.name, ()) if each.item in tasks.development]
        if all(each.agreement is None for each in own):
            continue
        same = next((each for each in found.values() if each.own == own), None)
        found[arm.name] = same or Evidence(
            own,
            [await answer_all(gateway, tasks, FUSION, each, development=True) for each in alike(tasks, arm.options)],
        )
    return found


class Known:
    """A set's single models, and what an arm is held against."""

    def __init__(self, tasks: TaskSet, compared: Comparison, alone: dict[str, list[Outcome]]) -> None:
        self.tasks = tasks
        self.alone = alone
        self.strong = alone[compared.strong]
        self.held_out = [at for at, task in enumerate(tasks.tasks) if task.id not in tasks.development]
        self.bootstrap = Bootstrap(len(self.held_out))
        self.of_model = {model: self._single(model, outcomes) for model, outcomes in alone.items()}
        self.singles = sorted(self.of_model.values(), key=lambda each: -each.accuracy)
        self.weak, self.strongest = self.of_model[compared.weak], self.of_model[compared.strong]

    def _single(self, model: str, outcomes: list[Outcome]) -> Single:
        held_out = self._held_out(outcomes)
        return Single(model, self.tasks.strengths[model], _accuracy(held_out), _mean_cost(held_out))

    def _held_out(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        return [outcomes[at] for at in self.held_out]

    def row(
        self, name: str, outcomes: list[Outcome], accuracy: float | None, cost_ratio: float | None, panel: list[str]
    ) -> Row:
        """Everything that is said of an arm. `accuracy` and `cost_ratio` are what earlier measurements found."""
        held_out, strong = self._held_out(outcomes), self._held_out(self.strong)
        differences = [one.right - other.right for one, other in zip(held_out, strong, strict=True)]
        interval = self.bootstrap.mean(differences)
        best = max((self.of_model[model] for model in panel), key=lambda each: each.accuracy)
        member = self._held_out(self.alone[best.model])
        over = [one.right - other.right for one, other in zip(held_out, member, strict=True)]
        over_interval = self.bootstrap.mean(over)
        agreements = [each.agreement for each in held_out if each.agreement is not None]
        return {
            "arm": name,
            "items": len(held_out),
            "accuracy": _accuracy(held_out),
            "difference": mean(differences),
            "difference_interval": [interval.low, interval.high],
            **self._costs(held_out, strong),
            "agreement": mean(agreements) if agreements else None,
            "calls": mean([each.calls for each in held_out]),
            "best_member": best.model,
            "over_best_member": mean(over),
            "over_best_member_interval": [over_interval.low, over_interval.high],
            "ece": None,
            "ways": dict(Counter(each.how for each in outcomes)),
            "kinds": dict(Counter(each.kind for each in outcomes)),
            "not_recorded": sum(not each.recorded for each in outcomes),
            "faults": dict(Counter(each.fault for each in outcomes if each.fault).most_common(3)),
            "all_items": {
                "accuracy": _accuracy(outcomes),
                "cost_ratio": _ratio(outcomes, self.strong),
                "earlier_accuracy": accuracy,
                "earlier_cost_ratio": cost_ratio,
            },
        }

    def _costs(self, outcomes: list[Outcome], strong: list[Outcome]) -> Row:
        cost, strong_cost = _mean_cost(outcomes), _mean_cost(strong)
        if cost is None or strong_cost is None:
            return dict.fromkeys(("cost_usd", "cost_ratio", "cost_ratio_interval", "router", "single", "single_model"))
        spent, others = ([each.cost_nanodollars or 0 for each in side] for side in (outcomes, strong))
        interval = self.bootstrap.ratio(spent, others)
        single = best_single(cost, self.singles)
        return {
            "cost_usd": usd(cost),
            "cost_ratio": cost / strong_cost,
            "cost_ratio_interval": [interval.low, interval.high],
            "router": random_router(cost, self.weak, self.strongest),
            "single": None if single is None else single.accuracy,
            "single_model": None if single is None else single.model,
        }

    def calibration(self, outcomes: list[Outcome], evidence: Evidence | None, related: Logistic | None) -> Row:
        """The curve that was fitted, and how far it is off on the held-out items; nothing of an arm without votes."""
        if evidence is None:
            return {}
        curve = fit(evidence.observed(), related)
        held_out = self._held_out(outcomes)
        return {
            "ece": calibration_error(held_out, curve),
            "ece_equally_filled": equally_filled_error(held_out, curve),
            "ece_floor": calibration_floor(held_out, curve),
            "ece_expected": calibration_expectation(evidence.own, held_out, curve),
            "development_items": len(evidence.own),
            "map": msgspec.to_builtins(_map(evidence.own, curve)),
        }


def _map(own: Sequence[Outcome], curve: Logistic) -> FittedMap:
    """The curve as an entry of a gateway's calibration file, for the kind that most of the questions were of."""
    kind, strategy, seats = Counter((each.kind, each.strategy, each.seats) for each in own).most_common(1)[0][0]
    return FittedMap(kind, curve, panel=list(seats), strategy=strategy)


def _accuracy(outcomes: Sequence[Outcome]) -> float:
    return mean([each.right for each in outcomes])


def _mean_cost(outcomes: Sequence[Outcome]) -> float | None:
    costs = [each.cost_nanodollars for each in outcomes]
    return None if None in costs else mean([cost or 0 for cost in costs])


def _ratio(outcomes: Sequence[Outcome], strong: Sequence[Outcome]) -> float | None:
    cost, other = _mean_cost(outcomes), _mean_cost(strong)
    return None if cost is None or not other else cost / other


def usd(nanodollars: float | None) -> float | None:
    return None if nanodollars is None else nanodollars / 1e9


# ------------------------------------------------------------------ showing


def judged(measured: dict[str, list[Row]]) -> list[Row]:
    """The bars of what was measured, printed."""
    found: list[Row] = []
    for bar in all_bars(measured):
        row = next((row for row in measured.get(bar.tasks, ()) if row["arm"] == bar.arm), None)
        if row is not None:
            holds, value = bar.holds(row), bar.shows(row)
            found.append({"set": bar.tasks, "arm": bar.arm, "claim": bar.claim, "value": value, "holds": holds})
            print(f"{'holds' if holds else 'FAILS'}  {bar.tasks}, {bar.arm}: {bar.claim}: {value}")
    return found


def show(tasks: TaskSet, rows: list[Row], singles: list[Row], *, quick: bool) -> None:
    print(f"\n{tasks.name}: {rows[0]['items']} items; differences in points to {rows[0]['arm']}, costs by its cost")
    print(
        f"{'':50}{'right':>7}{'difference':>22}{'cost':>16}{'agree':>7}{'calls':>6}{'router':>8}"
        f"{'single at that cost':>22}{'ECE':>7}"
    )
    for row in rows:
        low, high = (100 * each for each in row["difference_interval"])
        print(
            f"{row['arm'][:49]:50}{row['accuracy']:7.3f}{100 * row['difference']:+8.1f} [{low:+5.1f}, {high:+5.1f}]"
            f"{_cost(row):>16}{_share(row['agreement']):>7}{row['calls']:6.2f}{_share(row['router']):>8}"
            f"{_single(row):>22}{_share(row['ece']):>7}"
        )
        told(row, quick=quick)
    best = ", ".join(f"{each['model']} {each['accuracy']:.3f}" for each in singles[:5])
    print(f"  best single models: {best}")


def told(row: Row, *, quick: bool) -> None:
    """What wants an explanation. A sample differs from all items by chance."""
    all_items = row["all_items"]
    for name in () if quick else ("accuracy", "cost_ratio"):
        earlier, now = all_items[f"earlier_{name}"], all_items[name]
        if earlier is not None and now is not None:
            note = "" if abs(now - earlier) <= NEAR else "  <- differs by more than a point"
            print(f"    on all items: {name.replace('_', ' ')} {now:.3f}, earlier {earlier:.3f}{note}")
    if row["not_recorded"]:
        print(f"    answers that nobody recorded: {row['not_recorded']}")
    for fault, count in row["faults"].items():
        print(f"    no answer, {count} times: {fault[:200]}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _cost(row: Row) -> str:
    if row["cost_ratio"] is None:
        return "unknown"
    low, high = row["cost_ratio_interval"]
    return f"{row['cost_ratio']:.2f} [{low:.2f},{high:.2f}]"


def _single(row: Row) -> str:
    return "" if row["single"] is None else f"{row['single']:.3f} {row['single_model'][:15]}"


if __name__ == "__main__":
    main()
