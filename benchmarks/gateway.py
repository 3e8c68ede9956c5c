"""Tritium and other gateways side by side: CPU, speed and memory of each, on one core, before the same provider.

    python benchmarks/gateway.py [--quick] [--peers tritium,direct,...] [--rounds N] [--json PATH]

Tritium runs as `tritium serve` does, with a key, its limits and accounts; the others are installed by this script, in
pinned versions, into a folder that is kept (--peers-dir), and run one at a time. The figure is the CPU, user and
system, of the gateway's processes for each request: it holds on a noisy machine, where requests per second do not.
The gateway has one core for itself, and the load and the provider another, if there is one. Nothing but loopback can be
reached while it runs, where the system allows that; where not, gateways that listen on more than that are left out.

Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from gateways.installation import default_folder, install
from gateways.isolation import Cores, leave_network, prepare_load
from gateways.load import Failed
from gateways.peers import LISTENS_EVERYWHERE, PEERS, versions
from gateways.report import OURS, disturbance, faults, judge, machine, medians, table, verdicts
from gateways.scenarios import Found, Pace, Trial, import_ms
from gateways.standing import MockProvider, mock_provider, standing

ALL = ("direct", "tritium", "tensorzero", "ferro", "litellm", "fastapi")
QUICK = ("direct", "tritium", "passthrough")
_STARTS = 4
"""Of Tritium in each round, beside those that are measured further."""


@dataclass(frozen=True)
class Bench:
    provider: MockProvider
    cores: Cores
    installed: Path
    pace: Pace

    def measure(self, name: str) -> Found:
        """Three gateways of one kind: one for speed, and a fresh one for each figure of memory."""
        found = Found()
        starts = []
        try:
            for scenario in (Trial.speed, Trial.open_streams, Trial.slow_reader):
                with standing(name, self.cores, self.installed, self.provider.port) as up:
                    trial = Trial(up, self.provider, self.cores, self.pace)
                    scenario(trial)
                starts.append(up.start_seconds)
                found.figures |= trial.found.figures
                found.faults |= trial.found.faults
                found.foreign_cores += trial.found.foreign_cores
            if name == OURS:
                starts += self._start_again()
                found.figures["import_ms"] = import_ms(self.cores)
        except Failed as fault:
            found.faults["start"] = str(fault)
        if starts and up.process:
            found.figures["start_seconds"] = sorted(starts)[len(starts) // 2]
        return found

    def _start_again(self) -> Iterator[float]:
        for _ in range(_STARTS):
            with standing(OURS, self.cores, self.installed, self.provider.port) as up:
                yield up.start_seconds


def main() -> int:
    options = arguments()
    names = options.peers.split(",") if options.peers else list(QUICK if options.quick else ALL)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise SystemExit(f"No such gateway: {', '.join(unknown)}. There are: {', '.join(PEERS)}.")
    install(options.peers_dir, names)
    names = allowed(names, isolated=leave_network())
    cores = Cores.here()
    prepare_load(cores)
    rounds: dict[str, list[Found]] = {name: [] for name in names}
    with mock_provider() as provider:
        bench = Bench(provider, cores, options.peers_dir, Pace(0.5, 1.5) if options.quick else Pace(1.0, 3.0))
        for number in range(options.rounds or (1 if options.quick else 3)):
            for name in names:
                print(f"Round {number + 1}: {name} ...", file=sys.stderr, flush=True)
                rounds[name].append(bench.measure(name))
    return report(rounds, options.json)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, and one short round")
    parser.add_argument("--peers", metavar="NAME,...", help=f"of {', '.join(PEERS)}; default {','.join(ALL)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="the figures are their medians; default 3")
    parser.add_argument(
        "--peers-dir", type=Path, metavar="PATH", default=default_folder(), help="where they are installed; %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    return parser.parse_args()


def allowed(names: list[str], *, isolated: bool) -> list[str]:
    if isolated:
        return names
    left_out = [name for name in names if name in LISTENS_EVERYWHERE]
    if left_out:
        print(f"Left out, since others could reach them here: {', '.join(left_out)}.", file=sys.stderr)
    return [name for name in names if name not in left_out]


def report(rounds: dict[str, list[Found]], path: Path | None) -> int:
    """Prints it; 1 if a bar is missed, or Tritium was to be measured and could not be."""
    found = medians(rounds)
    judged = judge(found)
    for part in (table(found), verdicts(judged), faults(rounds), disturbance(rounds)):
        if part:
            print(part, end="\n\n")
    if path:
        ours = {name: version(name) for name in ("tritium", "uvicorn", "uvloop", "httptools", "msgspec")}
        contents = {"figures": judged, "machine": machine(), "versions": ours | versions(list(rounds))}
        path.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n")
    missed = any(figure["holds"] is False for figure in judged)
    return 1 if missed or (OURS in rounds and not judged) else 0


if __name__ == "__main__":
    sys.exit(main())
