"""A chat's messages as stricter servers of OpenAI's dialect take them: who may speak when, names, ids of calls.

What each is strict about are `Quirks`; where none applies the messages keep their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from string import ascii_letters, digits
from typing import Any

import msgspec
from msgspec import Raw

from tritium.providers.turns import GO_ON, OPENING
from tritium.providers.wire import Quirks

Messages = list[dict[str, Any]]

_NO_THOUGHTS = " "
"""The least that is taken for the thoughts before a call that another model made."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Messages).decode
_SYSTEM = ("system", "developer")
_TOOL = ("tool", "function")
_ALPHABET = ascii_letters + digits


def reshaping(quirks: Quirks) -> Callable[[Raw], Raw] | None:
    """What turns messages into those that a vendor takes; None if it takes all."""
    steps: list[Callable[[Messages], Messages]] = []
    if not quirks.names:
        steps.append(_without_names)
    if quirks.call_id_length is not None:
        steps.append(lambda messages: _with_short_ids(messages, quirks.call_id_length or 0))
    if quirks.reasoning_content:
        steps.append(_with_thoughts)
    if quirks.alternate:
        steps.append(_alternating)
    if not quirks.prefill:
        steps.append(_asked_to_go_on)
    if not steps:
        return None

    def reshape(raw: Raw) -> Raw:
        given = _decode(raw)
        messages = given
        for step in steps:
            messages = step(messages)
        return raw if messages == given else Raw(_encode(messages))

    return reshape


def _without_names(messages: Messages) -> Messages:
    """A speaker's name goes; a tool's stays, since it says whose result that is."""
    return [
        message if message.get("role") in _TOOL else {key: value for key, value in message.items() if key != "name"}
        for message in messages
    ]


def _with_short_ids(messages: Messages, length: int) -> Messages:
    """Ids of calls in letters and digits, so many; both ends of a pair change alike."""
    fits = re.compile(f"[a-zA-Z0-9]{{{length}}}")

    def short(call_id: Any) -> Any:
        if not isinstance(call_id, str) or fits.fullmatch(call_id):
            return call_id
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in sha256(call_id.encode()).digest()[:length])

    changed = []
    for message in messages:
        own = dict(message)
        if "tool_call_id" in own:
            own["tool_call_id"] = short(own["tool_call_id"])
        if isinstance(own.get("tool_calls"), list):
            own["tool_calls"] = [
                {**call, "id": short(call["id"])} if isinstance(call, dict) and "id" in call else call
                for call in own["tool_calls"]
            ]
        changed.append(own)
    return changed


def _with_thoughts(messages: Messages) -> Messages:
    """Calls of tools have the thoughts before them, which a vendor that wants its own back demands of all."""
    return [
        {**message, "reasoning_content": _NO_THOUGHTS}
        if message.get("tool_calls") and not message.get("reasoning_content")
        else message
        for message in messages
    ]


def _alternating(messages: Messages) -> Messages:
    """One system message, at the start; then user and assistant by turns, the user first. Tools answer in between."""
    system = [message for message in messages if message.get("role") in _SYSTEM]
    turns: Messages = []
    for message in messages:
        if message.get("role") in _SYSTEM:
            continue
        if turns and turns[-1].get("role") == message.get("role") and message.get("role") not in _TOOL:
            turns[-1] = _joined(turns[-1], message)
        else:
            turns.append(message)
    if turns and turns[0].get("role") == "assistant":
        turns.insert(0, {"role": "user", "content": OPENING})
    if not turns and system:  # nothing but instructions: they are what is asked
        return [{**_all_joined(system), "role": "user"}]
    return [*([_all_joined(system)] if system else []), *turns]


def _all_joined(messages: Messages) -> dict[str, Any]:
    first, *rest = messages
    for message in rest:
        first = _joined(first, message)
    return first


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two messages of one role as one."""
    content = _contents(first.get("content"), second.get("content"))
    calls = [*(first.get("tool_calls") or ()), *(second.get("tool_calls") or ())]
    return {**first, **second, "content": content, **({"tool_calls": calls} if calls else {})}


def _contents(first: Any, second: Any) -> Any:
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _asked_to_go_on(messages: Messages) -> Messages:
    """A message of the assistant's at the end, to be continued, is followed by that wish in words."""
    last = messages[-1]
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return messages
    return [*messages, {"role": "user", "content": GO_ON}]
