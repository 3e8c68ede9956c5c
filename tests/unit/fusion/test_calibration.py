"""A probability is given where one was fitted, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.errors import ConfigError
from tritium.fusion.calibration import Calibration
from tritium.fusion.commons import Commons
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions

CURVE = {"agreement": [0.5, 1.0], "probability": [0.6, 0.9]}


@pytest.fixture
def read(tmp_path):
    def write(document: Any) -> Calibration:
        path = tmp_path / "calibration.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return Calibration.read(path)

    return write


def chance(calibration: Calibration, share: float | None = 1.0, **more: Any) -> float | None:
    given = {"kind": "number", "strategy": "vote", "panel": {"a", "b"}, "how": "majority", **more}
    return calibration.probability(share=share, **given)


def test_without_a_file_nothing_is_probable(tmp_path):
    assert chance(Calibration.read(tmp_path / "none.json")) is None


@pytest.mark.parametrize(("share", "p"), [(0.2, 0.6), (0.5, 0.6), (0.75, 0.75), (1.0, 0.9)])
def test_between_the_points_of_an_isotonic_map_runs_a_straight_line(read, share, p):
    assert chance(read({"maps": [{"kind": "number", "isotonic": CURVE}]}), share) == pytest.approx(p)


def test_a_logistic_map_is_moved_by_how_the_answer_was_come_by(read):
    fitted = {"intercept": 2.0, "slope": 4.0, "ways": {"strongest": -3.0}}
    calibration = read({"maps": [{"kind": "number", "logistic": fitted}]})

    assert chance(calibration) == pytest.approx(0.8808, abs=1e-4)
    assert chance(calibration, 0.5) == 0.5
    assert chance(calibration, how="strongest") == pytest.approx(0.2689, abs=1e-4)


@pytest.mark.parametrize("other", [{"kind": "option"}, {"panel": {"a"}}, {"strategy": "cascade"}, {"share": None}])
def test_a_map_says_nothing_of_what_it_was_not_fitted_on(read, other):
    fitted = {"kind": "number", "panel": ["b", "a"], "strategy": "vote", "isotonic": CURVE}
    calibration = read({"maps": [fitted]})

    assert chance(calibration) == 0.9
    assert chance(calibration, **other) is None


@pytest.mark.parametrize(
    "document",
    [
        "{",
        {"maps": [{"kind": "number"}]},
        {"maps": [{"kind": "number", "isotonic": {"agreement": [1, 0.5], "probability": [0, 1]}}]},
        {"maps": [{"kind": "number", "isotonic": {"agreement": [0.5], "probability": [0, 1]}}]},
        {"maps": [{"kind": "number", "isotonic": {"agreement": [0.5, 1], "probability": [1, 0]}}]},
        {"mpas": []},
    ],
)
def test_a_file_that_is_no_calibration_is_named(read, document):
    with pytest.raises(ConfigError, match=r"calibration.json is no calibration"):
        read(document)


async def test_a_run_says_what_was_fitted_and_says_that_nothing_was(names, call, kept, read):
    calibration = read({"maps": [{"kind": "number", "isotonic": CURVE}]})
    models = {"one": "say=51", "two": "say=51", "three": "say=52"}

    async def decision(question: str) -> dict[str, Any]:
        options = FusionOptions(panel=list(models), quorum=3, strategy="vote")
        fusion = Fusion("f", options, names(models), Commons(calibration=calibration))
        request = ChatRequest.build("f", [{"role": "user", "content": question}])
        kept.runs.clear()
        async with asyncio.timeout(10), fusion.answer(request, call) as chunks:
            async for _ in chunks:
                pass
        return kept.document["decision"]

    fitted = await decision("What is 17 times 3? Answer with a number.")
    other = await decision("Answer with yes or no: is it true?")

    assert (fitted["confidence"], fitted["calibrated_p"]) == ("calibrated", pytest.approx(0.7))
    assert (other["confidence"], other["calibrated_p"]) == ("uncalibrated", None)
