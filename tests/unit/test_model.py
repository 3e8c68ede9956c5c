"""A call on its way down: what a sub-call takes along, and what is its own."""

from __future__ import annotations

import re
import time

import pytest

from tritium.model import new_call, new_id


def test_a_sub_call_has_its_own_id_and_stays_part_of_the_request(call, kept):
    child = call.child("seat").child("judge")

    assert call.request_id == call.id
    assert child.request_id == call.id
    assert len({call.id, child.id}) == 2
    assert (child.depth, child.role, child.caller, child.recorder) == (2, "judge", "tests", kept)
    assert (call.depth, call.role) == (0, "solo")


def test_a_sub_call_may_be_written_down_elsewhere(call):
    other = object()

    assert call.child("seat", recorder=other).recorder is other


@pytest.mark.parametrize(
    ("parent", "given", "deadline"),
    [(None, None, None), (5.0, None, 5.0), (None, 6.0, 6.0), (5.0, 6.0, 5.0), (6.0, 5.0, 5.0)],
)
def test_a_sub_call_never_outlasts_its_parent(kept, parent, given, deadline):
    call = new_call(kept)
    call = type(call)(call.id, kept, call.id, deadline=parent)

    assert call.child("seat", deadline=given).deadline == deadline


def test_a_deadline_is_a_point_on_the_monotonic_clock(kept):
    before = time.monotonic()

    assert before + 60 <= new_call(kept, deadline_seconds=60).deadline <= time.monotonic() + 60
    assert new_call(kept).deadline is None


def test_ids_differ_and_begin_with_what_they_are_of():
    ids = {new_id("run") for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"run-\d{10,}-[0-9a-f]{16}", each) for each in ids)
