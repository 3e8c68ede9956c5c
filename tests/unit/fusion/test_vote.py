"""The vote: who wins, who represents it, and what is reported."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.answers import Candidate
from tritium.fusion.vote import Ballot, log_odds_weight, vote


def ballot(says, maker="", strength=0.0, kind="number"):
    return Ballot(Candidate(says, kind), maker, strength)


def test_plurality_wins_and_its_strongest_member_speaks():
    result = vote([ballot("7", "a", 1), ballot("8", "b", 9), ballot("7", "c", 3)])
    assert (result.winner, result.representative) == ("7", 2)
    assert result.agreement == pytest.approx(2 / 3)
    assert (result.makers_agreeing, result.unanimous, result.tied) == (2, False, False)


def test_tie_goes_to_the_strongest_member():
    result = vote([ballot("7", strength=1), ballot("8", strength=2)])
    assert (result.winner, result.representative, result.tied) == ("8", 1, True)


def test_tie_of_equals_goes_to_the_first_seat():
    result = vote([ballot("7"), ballot("8")])
    assert (result.winner, result.representative, result.tied) == ("7", 0, True)


def test_abstentions_are_reported_and_do_not_count():
    result = vote([ballot(None, "a", 9), ballot("7", "b"), ballot("7", "c")])
    assert result.abstentions == (0,)
    assert (result.agreement, result.unanimous) == (1.0, True)


def test_one_ballot_is_not_unanimity():
    assert not vote([ballot("7"), ballot(None)]).unanimous


def test_two_models_of_one_maker_are_one_maker():
    assert vote([ballot("7", "a"), ballot("7", "a")]).makers_agreeing == 1


def test_unknown_makers_are_not_counted():
    assert vote([ballot("7"), ballot("7", "a")]).makers_agreeing == 1


def test_nobody_to_count_is_no_winner():
    for ballots in ([], [ballot(None)]):
        result = vote(ballots)
        assert (result.winner, result.representative, result.agreement, result.clusters) == (None, None, 0.0, ())


def test_fitting_answers_count_together():
    result = vote([ballot("80"), ballot("80 km/h"), ballot("90")])
    assert (result.winner, len(result.clusters)) == ("80", 2)


def test_one_good_member_outweighs_two_poor_ones():
    ballots = [ballot("7"), ballot("8"), ballot("8")]
    assert vote(ballots).winner == "8"
    assert vote(ballots, accuracies=[0.95, 0.4, 0.4]).winner == "7"
    assert vote(ballots, weights=[3, 1, 1]).winner == "7"


def test_weight_is_the_log_odds_against_an_even_spread_of_errors():
    assert log_odds_weight(0.8, "yes_no") == pytest.approx(math.log(4))
    assert log_odds_weight(0.8, "option") == pytest.approx(math.log(8))


def test_weights_are_clipped_at_both_ends():
    assert log_odds_weight(1.0, "number") == log_odds_weight(0.97, "number") < 6
    assert log_odds_weight(0.1, "yes_no") == 0.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"weights": [1.0], "accuracies": [0.5]}, "not both"),
        ({"weights": [1.0, 2.0]}, "one for each"),
        ({"weights": [-1.0]}, "negative"),
        ({"weights": [math.nan]}, "no number"),
    ],
)
def test_senseless_weights_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        vote([ballot("7")], **arguments)


BALLOTS = st.lists(
    st.builds(
        ballot,
        st.sampled_from(["1", "2", "3", "3 km", "3 mi", "0.33", "0.333"]) | st.none(),
        st.sampled_from(["a", "b", "c", ""]),
        st.integers(0, 3),
    ),
    max_size=9,
)


@given(BALLOTS, st.data())
def test_seats_do_not_matter_apart_from_ties(ballots, data):
    order = data.draw(st.permutations(range(len(ballots))))
    one, other = vote(ballots), vote([ballots[at] for at in order])
    assert (one.agreement, one.tied, one.unanimous) == (other.agreement, other.tied, other.unanimous) or one.tied
    assert len(one.abstentions) == len(other.abstentions)
    if not one.tied:
        assert (one.winner, one.makers_agreeing) == (other.winner, other.makers_agreeing)


@given(BALLOTS, st.integers(0, 3))
def test_one_more_ballot_for_the_winner_never_unseats_it(ballots, strength):
    before = vote(ballots)
    if before.winner is not None:
        after = vote([*ballots, ballot(before.winner, "d", strength)])
        assert set(before.clusters[0].members) | {len(ballots)} == set(after.clusters[0].members)


@given(BALLOTS)
def test_every_ballot_is_counted_or_abstains(ballots):
    result = vote(ballots)
    counted = [member for tally in result.clusters for member in tally.members]
    assert sorted([*counted, *result.abstentions]) == list(range(len(ballots)))
    assert all(tally.strongest in tally.members for tally in result.clusters)
    assert 0 <= result.agreement <= 1
