"""A fitted curve says what was seen, keeps finite, and leans on a related one where little was seen."""

from __future__ import annotations

import msgspec
import pytest

from tritium.fusion.calibration import Calibration, FittedMap
from tritium.fusion.calibration_fit import Observed, fit


def seen(share: float, how: str, right: int, of: int, weight: float = 1.0) -> list[Observed]:
    return [Observed(share, how, at < right, weight) for at in range(of)]


MANY = [*seen(1.0, "unanimous", 950, 1000), *seen(0.6, "majority", 800, 1000), *seen(0.4, "strongest", 300, 1000)]


def test_with_many_answers_the_curve_says_what_share_of_them_was_right():
    curve = fit(MANY)

    assert curve.at(1.0, "unanimous") == pytest.approx(0.95, abs=0.01)
    assert curve.at(0.6, "majority") == pytest.approx(0.80, abs=0.01)
    assert curve.at(0.4, "strongest") == pytest.approx(0.30, abs=0.01)


def test_where_all_answers_were_right_the_curve_does_not_run_away():
    curve = fit([*seen(1.0, "unanimous", 30, 30), *seen(0.5, "strongest", 0, 10)])

    assert 0.9 < curve.at(1.0, "unanimous") < 1
    assert 0 < curve.at(0.5, "strongest") < 0.2


def test_few_answers_move_a_related_curve_little_and_many_move_it_all_the_way():
    related = fit(MANY)
    few, many = (fit(seen(1.0, "unanimous", 0, count), related).at(1.0, "unanimous") for count in (1, 10_000))

    assert 0.7 < few < related.at(1.0, "unanimous")
    assert many < 0.01


def test_answers_of_half_the_weight_count_half():
    halves, wholes = (
        fit(seen(1.0, "unanimous", 60 * times, 80 * times, 1 / times) + seen(0.5, "strongest", 2, 8))
        for times in (2, 1)
    )

    assert halves.intercept == pytest.approx(wholes.intercept)


def test_nothing_observed_is_no_curve():
    with pytest.raises(ValueError, match="no answer"):
        fit([])


def test_a_gateway_reads_what_was_fitted(tmp_path):
    path = tmp_path / "calibration.json"
    curve = fit(MANY)
    path.write_bytes(msgspec.json.encode(Calibration([FittedMap("number", curve)])))

    said = Calibration.read(path).probability("number", "vote", {"a"}, 0.4, "strongest")

    assert said == round(curve.at(0.4, "strongest"), 4)
