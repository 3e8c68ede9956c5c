"""Which answers are put together, and that the order of the answers has no say in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.answers import Candidate, clusters

TOGETHER = [
    ("short", ["paris", "paris", "rome"], [[0, 1], [2]]),
    ("short", ["einstein", "albert einstein", "bohr"], [[0, 1], [2]]),
    ("short", ["washington", "george washington", "washington dc"], [[0], [1], [2]]),
    ("short", ["lennon", "mccartney", "lennon and mccartney"], [[0], [1], [2]]),
    ("short", ["paris", "not paris"], [[0], [1]]),
    ("short", ["pari", "paris"], [[0], [1]]),
    (
        "short",
        ["paris", "i believe that it must be paris of course", "it was always called paris by its people"],
        [[0, 1, 2]],
    ),
    ("short", ["paris", "rome", "some say it is paris and some say rome"], [[0], [1], [2]]),
    ("number", ["80", "80 km/h", "80 km/h"], [[0, 1, 2]]),
    ("number", ["80", "80 km/h", "80 mi/h"], [[0], [1], [2]]),
    ("number", ["90 min", "1.5 h", "90"], [[0, 1, 2]]),
    ("number", ["0.33", "0.333", "0.333333333333"], [[0, 1, 2]]),
    ("number", ["0.33", "0.333", "0.334"], [[0], [1], [2]]),
    ("number", ["0.75", "75 %"], [[0, 1]]),
    ("number", ["0.75", "75 %", "75"], [[1, 2], [0]]),
    ("number", ["infinity", "infinity", "5"], [[0, 1], [2]]),
    ("date", ["1969-07-20", "--07-20"], [[0, 1]]),
    ("date", ["1969", "1969-07", "1969-07-20"], [[0, 1, 2]]),
    ("date", ["1969", "1969-07-20", "1969-07-21"], [[0], [1], [2]]),
    ("option", ["A", "A,C", "A"], [[0, 2], [1]]),
    ("json", ["[1]", "[1]", "[1,2]"], [[0, 1], [2]]),
    ("short", [None, "rome", None, "rome"], [[1, 3]]),
    ("short", [None, None], []),
    ("short", [], []),
]


@pytest.mark.parametrize(("kind", "forms", "expected"), TOGETHER)
def test_equal_and_fitting_answers_are_together(kind, forms, expected):
    found = clusters([Candidate(form, kind) for form in forms])
    assert [list(cluster.members) for cluster in found] == expected


def test_kinds_do_not_mix():
    assert len(clusters([Candidate("80", "number"), Candidate("80 km/h", "short")])) == 2


def test_cluster_is_named_as_most_of_its_members_say():
    [cluster] = clusters([Candidate(form, "number") for form in ("80", "80 km/h", "80 km/h")])
    assert cluster.canonical == "80 km/h"


FORMS = {
    "number": ["80", "80 km/h", "80 mi/h", "0.33", "0.333", "0.334", "75", "75 %", "0.75", "90 min", "1.5 h", "x+1"],
    "short": ["paris", "city of paris", "paris texas", "not paris", "rome", "they say that it is rome or paris now"],
    "date": ["1969", "1969-07", "1969-07-20", "1969-08", "--07-20", "5/3/2024"],
}


@given(st.data())
def test_order_of_answers_changes_no_cluster(data):
    kind = data.draw(st.sampled_from(sorted(FORMS)))
    forms = data.draw(st.lists(st.sampled_from(FORMS[kind]) | st.none(), max_size=9))
    order = data.draw(st.permutations(range(len(forms))))
    found = clusters([Candidate(form, kind) for form in forms])
    shuffled = clusters([Candidate(forms[at], kind) for at in order])
    assert {cluster.members for cluster in found} == {
        tuple(sorted(order[member] for member in cluster.members)) for cluster in shuffled
    }
    assert sorted(member for cluster in found for member in cluster.members) == [
        at for at, form in enumerate(forms) if form is not None
    ]
