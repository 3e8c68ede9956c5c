"""Deltas as content blocks: one block open at a time, whatever order a vendor's pieces come in."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tritium.api.messages.pieces import ContentBlocks, folded
from tritium.chat import Delta, FunctionCall, ToolCall


def events(*deltas, shows=True, hides=False):
    blocks = ContentBlocks("gen-1", shows_thoughts=shows, hides_thoughts=hides)
    found = [event for delta in deltas for event in blocks.add(delta)]
    return [*found, *blocks.finish()]


def call(index, arguments="", name=None, call_id=None):
    return ToolCall(index, call_id, None, FunctionCall(name, arguments))


def in_order(found):
    """Each block is opened once, continued only while it is open, and closed once."""
    is_open, number = False, -1
    for name, data in found:
        if name == "content_block_start":
            assert not is_open
            is_open, number = True, number + 1
        assert is_open
        assert data["index"] == number
        is_open = name != "content_block_stop"
    return not is_open


def test_a_call_that_is_whole_gives_way_at_once_and_one_that_is_not_makes_the_next_wait():
    whole = [Delta(tool_calls=[call(0, "{}", "f", "a")]), Delta(tool_calls=[call(1, "", "g", "b")])]
    blocks = ContentBlocks("gen-1", shows_thoughts=True, hides_thoughts=False)

    started = [data["content_block"]["name"] for delta in whole for name, data in blocks.add(delta) if "start" in name]

    assert started == ["f", "g"]


def test_a_call_without_an_id_gets_one():
    (block,) = folded(events(Delta(tool_calls=[call(None, "{}", "f")])))

    assert block["id"] == "toolu_gen-1_0"


def test_arguments_that_are_no_object_are_kept_as_the_text_they_are():
    (block,) = folded(events(Delta(tool_calls=[call(0, "[1]", "f", "a")])))

    assert block["input"] == {"arguments": "[1]"}


def test_hidden_thoughts_leave_only_their_signature():
    detail = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0, "text": "Mm.", "signature": "s"}

    (block,) = folded(events(Delta(reasoning="Mm.", reasoning_details=[detail]), shows=False, hides=True))

    assert block == {"type": "thinking", "thinking": "", "signature": "s"}


def test_a_thought_of_another_number_is_a_block_of_its_own():
    def detail(index):
        return {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": index, "text": "Mm."}

    found = folded(events(*(Delta(reasoning_details=[detail(index)]) for index in (0, 0, 1))))

    assert [block["thinking"] for block in found] == ["Mm.Mm.", "Mm."]


ARGUMENTS = [json.dumps({"n": number, "text": "}{"}) for number in range(3)]
PIECES = st.lists(st.sampled_from(["text", "thought", 0, 1, 2]), max_size=40)


@given(PIECES, st.integers(1, 6))
def test_no_order_of_pieces_loses_or_mixes_anything(order, size):
    said = {0: 0, 1: 0, 2: 0}
    deltas = []
    for what in order:
        if what == "text":
            deltas.append(Delta(content="t"))
        elif what == "thought":
            deltas.append(Delta(reasoning="m"))
        else:
            begin = said[what]
            said[what] = begin + size
            piece = ARGUMENTS[what][begin : begin + size]
            first = begin == 0
            deltas.append(
                Delta(tool_calls=[call(what, piece, f"f{what}" if first else None, f"c{what}" if first else None)])
            )
    for what, begin in said.items():
        if begin:
            deltas.append(Delta(tool_calls=[call(what, ARGUMENTS[what][begin:])]))

    found = events(*deltas)

    assert in_order(found)
    blocks = folded(found)
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == "t" * order.count("text")
    assert "".join(b["thinking"] for b in blocks if b["type"] == "thinking") == "m" * order.count("thought")
    calls = {block["id"]: block["input"] for block in blocks if block["type"] == "tool_use"}
    assert calls == {f"c{what}": json.loads(ARGUMENTS[what]) for what, begin in said.items() if begin}
