"""What a fusion costs beyond its members: Tritium and others before the same members, with the same luck.

    python benchmarks/fusion.py [--quick] [--peers tritium,tensorzero,script] [--rounds N] [--json PATH]

Three members answer late by a draw that depends on the request and the member alone, so that everybody's fusion of one
question waits for the same; a judge takes 100 ms and a writer 150 ms. Measured is the time beyond that minimum, by one
caller and by 32 at once; fusions for each second of the core with members that take no time; what becomes of the tail
when two answers of three are enough; what is left of a run 100 ms after its caller; and the memory of runs under way.

Each has one core for itself, one at a time, and the load and the members another, if there is one. Instant fusions are
counted for each second of processor time. On a busy machine only the ratios between competitors say something, and the
last line of the report says how busy it was. TensorZero has no judge; optillm is left out, as it wants 7.6 GB of
packages. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fusions.competitors import COMPETITORS, PACKAGES, settings
from fusions.figures import FIGURES
from fusions.trials import SCENARIOS, Amount, Trial, left_within
from gateways.installation import default_folder, install
from gateways.isolation import Cores, leave_network, prepare_load
from gateways.load import Failed
from gateways.peers import versions
from gateways.report import OURS, disturbance, faults, judge, machine, medians, table, verdicts
from gateways.scenarios import Found
from gateways.standing import MockProvider, mock_provider, standing

FULL, QUICK = Amount(40, 512, 4.0, 1000), Amount(8, 64, 1.5, 250)


@dataclass(frozen=True)
class Bench:
    provider: MockProvider
    cores: Cores
    installed: Path
    amount: Amount

    def measure(self, name: str) -> Found:
        """A fresh process for each scenario: what an earlier one has left is none of the next one's."""
        found = Found()
        for scenario in SCENARIOS:
            try:
                with standing(name, self.cores, self.installed, self.provider.port, COMPETITORS) as up:
                    assert up.process
                    trial = Trial(up, up.process, self.provider, self.cores, self.amount)
                    try:
                        scenario(trial)
                    finally:
                        found.figures |= trial.found.figures
                        found.faults |= trial.found.faults
                        found.foreign_cores += trial.found.foreign_cores
            except (Failed, OSError) as fault:
                found.faults[scenario.__name__.replace("_", " ")] = str(fault)
        if name == OURS:
            found.figures |= self._left_within()
        return found

    def _left_within(self) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "tritium.toml"
            config.write_text(
                f'data_dir = "{folder}"\nlocal = {{ enabled = false, detect_servers = false }}\n'
                f'[providers.mock]\nbase_url = "http://127.0.0.1:{self.provider.port}/v1"\n{settings()}'
            )
            return left_within(config, self.cores)


def main() -> int:
    options = arguments()
    names = options.peers.split(",")
    unknown = [name for name in names if name not in COMPETITORS]
    if unknown:
        raise SystemExit(f"No such competitor: {', '.join(unknown)}. There are: {', '.join(COMPETITORS)}.")
    install(options.peers_dir, [PACKAGES[name] for name in names])
    leave_network()
    cores = Cores.here()
    prepare_load(cores)
    rounds: dict[str, list[Found]] = {name: [] for name in names}
    with mock_provider("fusions.provider") as provider:
        bench = Bench(provider, cores, options.peers_dir, QUICK if options.quick else FULL)
        for number in range(options.rounds):
            for name in names:
                print(f"Round {number + 1}: {name} ...", file=sys.stderr, flush=True)
                rounds[name].append(bench.measure(name))
    return report(rounds, options.json)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer fusions: under a minute for each")
    parser.add_argument(
        "--peers", metavar="NAME,...", default=",".join(COMPETITORS), help=f"of {', '.join(COMPETITORS)}; default all"
    )
    parser.add_argument("--rounds", type=int, metavar="N", default=1, help="the figures are their medians; default 1")
    parser.add_argument(
        "--peers-dir", type=Path, metavar="PATH", default=default_folder(), help="where they are installed; %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    return parser.parse_args()


def report(rounds: dict[str, list[Found]], path: Path | None) -> int:
    """Prints it; 1 if a bar is missed, or Tritium was to be measured and could not be."""
    found = medians(rounds)
    judged = judge(found, FIGURES)
    for part in (table(found, FIGURES), verdicts(judged), faults(rounds), disturbance(rounds)):
        if part:
            print(part, end="\n\n")
    if path:
        ours = {name: version(name) for name in ("tritium", "uvicorn", "uvloop", "httptools", "msgspec")}
        theirs = versions([PACKAGES[name] for name in rounds])
        contents = {"figures": judged, "machine": machine(), "versions": ours | theirs}
        path.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n")
    missed = any(figure["holds"] is False for figure in judged)
    return 1 if missed or (OURS in rounds and not judged) else 0


if __name__ == "__main__":
    sys.exit(main())
