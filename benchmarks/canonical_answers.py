"""Do canonical answers and votes say what the labels say? Measured on recorded answers of real models.

    python benchmarks/canonical_answers.py --data DIR [--quick] [--json PATH] [--show N]

DIR holds tables (.parquet) of recorded answers with labels: zeroeval_gsm_*, zeroeval_math_l5_*, routellm_*, bfcl_*,
humaneval_*. Their labels come from a rule of their own, which takes the first number of a formula (6 of 6√2) and the
first of several answers; so besides all replies those are counted that state one plain number once, where no rule can
err. Votes use our ballots and the labels of the table; the figure beside them is what the table's own answers give.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet

from tritium.fusion.answers import AnswerKind, Candidate, canonical, kind_of, medoid, same_answer
from tritium.fusion.canonical.tool_calls import canonical_calls
from tritium.fusion.vote import Ballot, vote

Row = dict[str, Any]

CHEAP_FOUR = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "deepseek-v2.5-0908", "Meta-Llama-3.1-70B-Instruct")
FRONTIER_FIVE = (
    "claude-3-5-sonnet-20241022",
    "gpt-4o-2024-08-06",
    "gemini-1.5-pro",
    "Mistral-Large-2",
    "Llama-3.1-405B-Inst@sambanova",
)
PAIR = ("gpt-4o-mini-2024-07-18", "deepseek-v2.5-0908")
STRONG = FRONTIER_FIVE[0]
CALLING_TRIO = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash-preview-0514", "claude-3-haiku-20240307")
CALLING_FIVE = (*CALLING_TRIO, "open-mistral-nemo-2407-FC-Any", "meta-llama_Meta-Llama-3-70B-Instruct")
OPEN_CATEGORIES = ("writing", "roleplay", "humanities", "stem")
QUICK_EVERY = 8

_ANSWER_FIELD = re.compile(r'"answer"\s{0,20}:\s{0,20}("[^"\n]{0,80}"|[^"\n]{0,80})')
_PLAIN_NUMBER = re.compile(r'"?\$?-?\d[\d,]{0,20}(?:\.\d{1,6})?(?: ?%| [A-Za-z]{1,20})?"?,?\s{0,5}\}?')


@dataclass
class Report:
    """Figures as they come in, and the disagreements worth reading."""

    figures: list[Row] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def at_least(self, name: str, value: float, bar: float, unit: str = "share") -> None:
        self._add(name, value, unit, f">= {bar}", value >= bar)

    def at_most(self, name: str, value: float, bar: float, unit: str) -> None:
        self._add(name, value, unit, f"<= {bar}", value <= bar)

    def near(self, name: str, value: float, baseline: float, known: float, slack: float) -> None:
        """A vote beside what the table's own answers give, which is `known`; ours may be better, not worse."""
        self._add(f"{name}, table's answers", baseline, "share", f"= {known}", abs(baseline - known) < 0.0006)
        self._add(f"{name}, ours", value, "share", f">= {known - slack:.3f}", value >= known - slack)

    def _add(self, name: str, value: float, unit: str, bar: str, holds: bool) -> None:
        self.figures.append({"name": name, "value": value, "unit": unit, "bar": bar, "holds": holds})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the tables")
    parser.add_argument("--quick", action="store_true", help="the same figures from every eighth item, votes from all")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    parser.add_argument("--show", type=int, default=6, metavar="N", help="disagreements to print of each sort")
    options = parser.parse_args()
    every = QUICK_EVERY if options.quick else 1
    report = Report()
    for table, name in (("zeroeval_gsm", "GSM8K"), ("zeroeval_math_l5", "MATH level 5")):
        compare_numbers(options.data, table, name, every, options.show, report)
    compare_prose(options.data, every, report)
    compare_calls(options.data, every, report)
    compare_programs(options.data, every, report)
    compare_kinds(options.data, every, report)
    time_readings(options.data, report)
    show(report)
    if options.json:
        written = {"figures": report.figures, "machine": machine(), "versions": versions()}
        options.json.write_text(json.dumps(written, indent=2) + "\n")


def rows(folder: Path, table: str, columns: Sequence[str] | None = None) -> list[Row]:
    path = folder / f"{table}.parquet"
    if not path.exists():
        raise SystemExit(f"{path} is missing; --data names the folder with the tables.")
    return pyarrow.parquet.read_table(path, columns=columns).to_pylist()  # type: ignore[no-any-return]


# ------------------------------------------------------------------ numbers


def compare_numbers(folder: Path, table: str, name: str, every: int, wanted: int, report: Report) -> None:
    gold = {item["item_id"]: canonical(item["gold"], "number") for item in rows(folder, f"{table}_items")}
    replies = rows(folder, f"{table}_responses")
    sampled = set(list(gold)[::every])
    counts: Counter[tuple[str, bool]] = Counter()
    found: dict[str, list[str]] = defaultdict(list)
    for reply in replies:
        if reply["item_id"] not in sampled:
            continue
        said = canonical(reply["text"], "number")
        right = same_answer(said, gold[reply["item_id"]], "number")
        sort = "plain" if is_plain(reply["text"]) else "other"
        counts[sort, right == reply["correct"]] += 1
        if right != reply["correct"]:
            side = "right by ours" if right else "right by the label"
            found[f"{sort}, {side}"].append(
                f"ours {said!r}, gold {gold[reply['item_id']]!r}, table {reply['answer']!r}: {stated(reply['text'])}"
            )
    agreed = counts["plain", True] + counts["other", True]
    plain = counts["plain", True] + counts["plain", False]
    report.at_least(f"{name}: agreement with the label, all replies", agreed / sum(counts.values()), 0.985)
    report.at_least(f"{name}: agreement, one plain number stated", counts["plain", True] / plain, 0.995)
    for sort, examples in sorted(found.items()):
        report.disagreements.append(f"{name}, {sort}: {len(examples)} of {sum(counts.values())} replies")
        report.disagreements += [
            f"    {each}" for each in examples[:: max(1, len(examples) // max(wanted, 1))][:wanted]
        ]
    compare_votes(replies, gold, name, report)


def is_plain(text: str) -> bool:
    values = _ANSWER_FIELD.findall(text)
    return len(values) == 1 and bool(_PLAIN_NUMBER.fullmatch(values[0].strip()))


def stated(text: str) -> str:
    values = _ANSWER_FIELD.findall(text)
    return repr(values[-1][:70] if values else text[-90:])


KNOWN = {
    "GSM8K": {"five": 0.973, "gate": 0.967, "stop": 0.970, "strong": 0.967},
    "MATH level 5": {"five": 0.663, "gate": 0.617, "stop": 0.623, "strong": 0.594},
}


def compare_votes(replies: list[Row], gold: dict[str, str | None], name: str, report: Report) -> None:
    wanted = {*CHEAP_FOUR, *FRONTIER_FIVE}
    by_item: dict[str, dict[str, Row]] = {item: {} for item in gold}
    for reply in replies:
        if reply["model"] in wanted:
            by_item[reply["item_id"]][reply["model"]] = reply
    ours = {id(reply): canonical(reply["text"], "number") for item in by_item.values() for reply in item.values()}
    readings: list[Callable[[Row], str | None]] = [lambda reply: ours[id(reply)], lambda reply: reply["answer"]]
    accuracy = {
        model: statistics.mean(item[model]["correct"] for item in by_item.values() if model in item) for model in wanted
    }
    known = KNOWN[name]
    policies: tuple[tuple[str, str, Policy], ...] = (
        ("five", "frontier five vote", five_vote),
        ("gate", "cheap pair agrees, else strong", pair_gate),
        ("stop", "cheap four, stop at 3 equal, else strong", stop_at_three),
    )
    for policy, described, decide in policies:
        shares = [
            statistics.mean(bool(decide(item, reading, accuracy)["correct"]) for item in by_item.values())
            for reading in readings
        ]
        report.near(f"{name}: {described}", shares[0], shares[1], known[policy], 0.004)


Reading = Callable[[Row], str | None]
Policy = Callable[[dict[str, Row], Reading, dict[str, float]], Row]


def five_vote(item: dict[str, Row], reading: Reading, accuracy: dict[str, float]) -> Row:
    return elected([item[model] for model in FRONTIER_FIVE if model in item], reading, accuracy)


def pair_gate(item: dict[str, Row], reading: Reading, _accuracy: dict[str, float]) -> Row:
    one, other = (item[model] for model in PAIR)
    return one if same_answer(reading(one), reading(other), "number") else item[STRONG]


def stop_at_three(item: dict[str, Row], reading: Reading, _accuracy: dict[str, float]) -> Row:
    asked: list[Row] = []
    for model in CHEAP_FOUR:
        asked.append(item[model])
        result = vote([Ballot(Candidate(reading(reply), "number")) for reply in asked])
        if result.representative is not None and len(result.clusters[0].members) >= 3:
            return asked[result.representative]
    return item[STRONG]


def elected(replies: list[Row], reading: Reading, accuracy: dict[str, float]) -> Row:
    ballots = [
        Ballot(Candidate(reading(reply), "number"), reply["model"], accuracy[reply["model"]]) for reply in replies
    ]
    return replies[vote(ballots).representative or 0]


def compare_prose(folder: Path, every: int, report: Report) -> None:
    """Answers that nobody asked to mark: of those that the label calls right, how many are read."""
    gold = {item["question"].strip(): item["gold"] for item in rows(folder, "zeroeval_gsm_items")}
    read = []
    for row in rows(folder, "routellm_gsm8k")[::every]:
        if right := gold.get(row["prompt"].strip()):
            read += [
                same_answer(canonical(row[f"{side}_text"], "number"), canonical(right, "number"), "number")
                for side in ("strong", "weak")
                if row[side]
            ]
    report.at_least("GSM8K in prose: right answers read", statistics.mean(read), 0.985)


# ------------------------------------------------------------------ calls, programs, kinds


def compare_calls(folder: Path, every: int, report: Report) -> None:
    replies = rows(folder, "bfcl_responses", ["item_id", "model", "call_class", "calls", "correct"])
    by_item: dict[str, dict[str, Row]] = defaultdict(dict)
    for reply in replies:
        reply["ours"] = canonical_calls(json.loads(reply["calls"])) if reply["calls"] else None
        by_item[reply["item_id"]][reply["model"]] = reply
    agree = total = 0
    for item in list(by_item.values())[::every]:
        made = [reply for reply in item.values() if reply["calls"]]
        for one, other in itertools.combinations(made[::3], 2):
            total += 1
            agree += (one["ours"] == other["ours"]) == (one["call_class"] == other["call_class"])
    report.at_least("BFCL: pairs of calls equal as labelled", agree / total, 0.999)
    accuracy = {model: statistics.mean(item[model]["correct"] for item in by_item.values()) for model in CALLING_FIVE}
    for name, panel, known in (("trio", CALLING_TRIO, 0.937), ("five", CALLING_FIVE, 0.951)):
        shares = []
        for column in ("ours", "call_class"):
            ballots = {
                item_id: [Ballot(Candidate(item[model][column], "json"), model, accuracy[model]) for model in panel]
                for item_id, item in by_item.items()
            }
            winners = ((by_item[each], vote(cast).representative) for each, cast in ballots.items())
            shares.append(statistics.mean(at is not None and item[panel[at]]["correct"] for item, at in winners))
        report.near(f"BFCL: cheap {name} vote", shares[0], shares[1], known, 0.002)


def compare_programs(folder: Path, every: int, report: Report) -> None:
    """Equal programs do the same; and what the medoid of a panel of five is worth beside a random member."""
    by_item: dict[str, list[Row]] = defaultdict(list)
    for row in rows(folder, "humaneval_candidates"):
        by_item[row["item_id"]].append(row)
    same = pairs = 0
    central, members = [], []
    for candidates in list(by_item.values())[::every]:
        forms = [canonical(each["text"], "code") for each in candidates]
        for one, other in itertools.combinations(range(len(candidates)), 2):
            if forms[one] is not None and forms[one] == forms[other]:
                pairs += 1
                same += candidates[one]["probe_sig"] == candidates[other]["probe_sig"]
        for start in range(0, len(candidates) - 4, 5):
            panel = candidates[start : start + 5]
            central.append(panel[medoid([each["text"] for each in panel])]["pass_plus"])
            members += [each["pass_plus"] for each in panel]
    report.at_least("HumanEval: equal programs behave alike", same / pairs, 0.99)
    gain = statistics.mean(central) - statistics.mean(members)
    report.at_least("HumanEval: pass rate of the medoid over a member's", gain, 0.0)


def compare_kinds(folder: Path, every: int, report: Report) -> None:
    sets: list[tuple[str, AnswerKind, Iterable[str], float]] = [
        ("GSM8K", "number", (row["question"] for row in rows(folder, "zeroeval_gsm_items")), 0.95),
        ("MATH level 5", "number", (row["question"] for row in rows(folder, "zeroeval_math_l5_items")), 0.9),
        ("MMLU", "option", (row["prompt"] for row in rows(folder, "routellm_mmlu")), 0.99),
        ("HumanEval", "code", (row["prompt"] for row in rows(folder, "humaneval_items")), 0.99),
        ("MT-Bench, open categories", "open", open_questions(folder), 0.95),
    ]
    for name, kind, questions, bar in sets:
        asked = list(questions)[:: every if kind == "option" else 1]
        share = statistics.mean(kind_of(question).kind == kind for question in asked)
        report.at_least(f"{name}: kind taken for {kind}", share, bar)


def open_questions(folder: Path) -> set[str]:
    table = rows(folder, "routellm_mtbench")
    return {row[turn] for row in table if row["category"] in OPEN_CATEGORIES for turn in ("turn1", "turn2")}


# ------------------------------------------------------------------ speed


def time_readings(folder: Path, report: Report) -> None:
    texts = [row["text"] for row in rows(folder, "zeroeval_gsm_responses", ["text"])[::7]]
    texts = [text for text in texts if 800 < len(text) < 1_300][:1_000]
    kinds: tuple[AnswerKind, ...] = ("number", "option", "yes_no", "date", "short", "json", "code")
    for kind in kinds:
        best = min(seconds(lambda kind=kind: [canonical(text, kind) for text in texts]) for _ in range(3))  # type: ignore[misc]
        report.at_most(f"canonical {kind} of 1 kB", best / len(texts) * 1e6, 500, "µs")
    long = [" ".join(texts[at : at + 12])[:8_000] for at in range(8)]
    report.at_most("medoid of 8 texts of 8 kB", min(seconds(lambda: medoid(long)) for _ in range(5)) * 1e3, 100, "ms")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(report: Report) -> None:
    for line in report.disagreements:
        print(line)
    print()
    for figure in report.figures:
        verdict = "holds" if figure["holds"] else "FAILS"
        print(f"{figure['name']:68}{figure['value']:10.4f} {figure['unit']:6}{figure['bar']:>10}  {verdict}")


def machine() -> Row:
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}


def versions() -> Row:
    return {"python": platform.python_version(), "pyarrow": pyarrow.__version__}


if __name__ == "__main__":
    main()
