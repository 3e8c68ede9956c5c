"""Messages for servers that are strict about who speaks when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tritium.providers.strict_messages import reshaping
from tritium.providers.wire import Quirks

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def reshaped(messages: list[dict[str, Any]], **quirks: Any) -> list[dict[str, Any]]:
    reshape = reshaping(Quirks(**quirks))
    assert reshape is not None
    found: list[dict[str, Any]] = json.loads(bytes(reshape(Raw(json.dumps(messages).encode()))))
    return found


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_a_server_without_quirks_needs_no_reshaping() -> None:
    assert reshaping(Quirks()) is None


@pytest.mark.parametrize(
    ("given_messages", "taken"),
    [
        ([said("user", "a")], [said("user", "a")]),
        ([said("system", "s")], [said("user", "s")]),
        ([said("assistant", "a"), said("user", "b")], None),
        (
            [said("user", [{"type": "text", "text": "a"}]), said("user", "b")],
            [said("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])],
        ),
        (
            [said("user", "a"), said("assistant", "b"), said("assistant", None, tool_calls=[CALL])],
            [said("user", "a"), said("assistant", "b", tool_calls=[CALL])],
        ),
        (
            [said("user", "a"), said("assistant", None, tool_calls=[CALL, CALL]), said("tool", "1"), said("tool", "2")],
            [said("user", "a"), said("assistant", None, tool_calls=[CALL, CALL]), said("tool", "1"), said("tool", "2")],
        ),
        (
            [said("developer", "s"), said("user", "a"), said("system", "t")],
            [said("system", "s\n\nt"), said("user", "a")],
        ),
    ],
)
def test_turns_alternate(given_messages: list[dict[str, Any]], taken: list[dict[str, Any]] | None) -> None:
    found = reshaped(given_messages, alternate=True)

    if taken is None:
        taken = [said("user", "(start of the conversation)"), *given_messages]
    assert found == taken


@given(st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=1, max_size=8))
def test_whatever_was_said_alternates_and_nothing_is_lost(roles: list[str]) -> None:
    messages = [said(role, f"<{place}>") for place, role in enumerate(roles)]

    found = reshaped(messages, alternate=True, prefill=False)

    turns = [message["role"] for message in found if message["role"] != "system"]
    assert turns == ["user", "assistant"] * (len(turns) // 2) + ["user"]
    assert [message["role"] for message in found].count("system") <= 1
    everything = "".join(message["content"] for message in found)
    assert all(f"<{place}>" in everything for place in range(len(roles)))


def test_a_call_at_the_end_is_no_message_to_be_continued() -> None:
    messages = [said("user", "a"), said("assistant", None, tool_calls=[CALL])]

    assert reshaped(messages, prefill=False) == messages


def test_names_of_speakers_go_and_those_of_tools_stay() -> None:
    messages = [said("user", "a", name="ann"), said("tool", "1", name="f", tool_call_id="c1")]

    assert reshaped(messages, names=False) == [said("user", "a"), messages[1]]


def test_ids_that_fit_stay_and_others_change_alike() -> None:
    messages = [
        said("assistant", None, tool_calls=[{**CALL, "id": "abcDEF123"}, {**CALL, "id": "call_x"}, {"function": {}}]),
        said("tool", "1", tool_call_id="abcDEF123"),
        said("tool", "2", tool_call_id="call_x"),
    ]

    found = reshaped(messages, call_id_length=9)

    fits, changed, without = found[0]["tool_calls"]
    assert (fits["id"], without) == ("abcDEF123", {"function": {}})
    assert len(changed["id"]) == 9
    assert changed["id"].isalnum()
    assert [message["tool_call_id"] for message in found[1:]] == [fits["id"], changed["id"]]


def test_thoughts_there_were_stay() -> None:
    messages = [said("assistant", None, tool_calls=[CALL], reasoning_content="Hm"), said("assistant", "b")]

    assert reshaped(messages, reasoning_content=True) == messages
