"""Tool calls of a script: `call=NAME({...})`, several at once with `&`, another choice for each sample with `|`.

    call=get_weather({"city":"Oslo"})                       one call
    call=get_weather({"city":"Oslo"})&get_time({})          two at once
    call=book({"seat":1})|book({"seat":2})                  by the request's `seed`, as the samples of one model differ

They are made where tools are offered and no tool has just answered; elsewhere the script says what it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tritium.chat import ChatRequest, Choice, Chunk, Delta, FunctionCall, ToolCall
from tritium.errors import InvalidRequest

_PIECE_CHARACTERS = 12
"""Of arguments, in a stream."""

Calls = list[tuple[str, str]]


def parse_calls(text: str) -> list[Calls]:
    """The choices, each a list of names and arguments.

    Raises:
        InvalidRequest: it is not of that form.
    """
    choices: list[Calls] = [[]]
    rest = text
    while rest:
        name, _, behind = rest.partition("(")
        try:
            arguments, end = json.JSONDecoder().raw_decode(behind)
        except ValueError:
            arguments, end = behind.partition(")")[0], behind.find(")")  # garbage on purpose
        if not name or end < 0 or behind[end : end + 1] != ")":
            raise InvalidRequest(f"{text!r} is no call; write call=NAME({{...}}).", param="model")
        said = behind[:end] if isinstance(arguments, str) else json.dumps(arguments)
        choices[-1].append((name, said))
        mark, rest = behind[end + 1 : end + 2], behind[end + 2 :]
        if mark == "|":
            choices.append([])
        elif mark not in ("", "&"):
            raise InvalidRequest(f"{text!r} is no list of calls; put & or | between two.", param="model")
    return choices


def calls_now(text: str, request: ChatRequest) -> Calls:
    """What is called in answer to this request; nothing where nothing can be, or where a tool has just answered."""
    body = request.body
    offered = [tool["function"].get("name") for tool in body.tools or () if isinstance(tool.get("function"), dict)]
    if not offered or body.tool_choice == "none" or body.messages[-1].role in ("tool", "function"):
        return []
    choices = parse_calls(text)
    return choices[(body.seed or 0) % len(choices)]


def call_chunks(calls: Calls) -> Iterator[Chunk]:
    """As vendors stream them: the name first, then the arguments in pieces."""
    for index, (name, arguments) in enumerate(calls):
        opening = ToolCall(index, f"call_scripted_{index}", "function", FunctionCall(name, ""))
        yield Chunk([Choice(0, Delta(tool_calls=[opening]))])
        for start in range(0, len(arguments), _PIECE_CHARACTERS):
            piece = FunctionCall(arguments=arguments[start : start + _PIECE_CHARACTERS])
            yield Chunk([Choice(0, Delta(tool_calls=[ToolCall(index, function=piece)]))])
