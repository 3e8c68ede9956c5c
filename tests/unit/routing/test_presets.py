"""A preset is laid under a request: what the request says itself wins, whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.routing.presets import Preset, names_preset, with_preset

TOOL = {"type": "function", "function": {"name": "now", "description": "preset's"}}
PRESETS = {
    "brief": Preset(
        model="a/b",
        models=("c/d",),
        system_prompt="Be brief.",
        provider={"sort": "price", "zdr": True},
        tools=(TOOL, {"type": "openrouter:web_search"}),
        parameters={"temperature": 0.1},
    ),
    "open": Preset(parameters={"temperature": 0.1}),
    "list": Preset(models=("a/b", "c/d")),
}


def laid(model: str = "@preset/brief", messages: Any = None, **fields: Any) -> dict[str, Any]:
    request = ChatRequest.build(model, messages or [{"role": "user", "content": "Hi"}], **fields)
    assert names_preset(request)
    found = with_preset(request, PRESETS)
    assert not names_preset(found)
    return msgspec.json.decode(found.encode())


@pytest.mark.parametrize(
    ("model", "fields", "chosen", "others"),
    [
        ("@preset/brief", {}, "a/b", ["c/d"]),
        ("x/y@preset/brief", {}, "x/y", None),
        ("x/y", {"preset": "brief"}, "x/y", None),
        ("x/y", {"preset": "@preset/brief"}, "x/y", None),
        ("@preset/brief", {"preset": "brief"}, "a/b", ["c/d"]),
        ("@preset/brief", {"models": ["e/f"]}, "a/b", ["e/f"]),
        ("@preset/list", {}, "a/b", ["c/d"]),
    ],
)
def test_the_requests_model_wins_over_the_presets(model, fields, chosen, others):
    found = laid(model, **fields)

    assert (found["model"], found.get("models")) == (chosen, others)


def test_what_the_request_says_wins_whole():
    found = laid(temperature=0.9, provider={"only": ["x"]})

    assert found["temperature"] == 0.9
    assert found["provider"] == {"only": ["x"]}


def test_what_it_does_not_say_is_the_presets():
    found = laid()

    assert found["temperature"] == 0.1
    assert found["provider"] == {"sort": "price", "zdr": True}
    assert found["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_request_that_brings_a_system_message_keeps_it(role):
    messages = [{"role": role, "content": "Be long."}, {"role": "user", "content": "Hi"}]

    assert laid(messages=messages)["messages"] == messages


def test_tools_of_both_are_offered_those_of_one_name_once():
    own = {"type": "function", "function": {"name": "now", "description": "request's"}}
    other = {"type": "function", "function": {"name": "then"}}

    found = laid(tools=[own, other])["tools"]

    assert found == [own, other, {"type": "openrouter:web_search"}]


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("@preset/breif", {}, "There is no preset 'breif'. Did you mean 'brief'?"),
        ("@preset/open", {}, "The preset 'open' names no model"),
        ("@preset/open", {"preset": "brief"}, "names two presets"),
        ("x/y", {"preset": 3}, "'preset' is the name of a preset"),
    ],
)
def test_what_cannot_be_laid_under_is_refused(model, fields, message):
    with pytest.raises(InvalidRequest, match=message):
        laid(model, **fields)
