"""What servers that know only OpenAI's dialect are spared."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.openai import OpenAIFormat
from tritium.providers.plain import plain_messages, plain_tools
from tritium.providers.wire import Quirks

EPHEMERAL = {"type": "ephemeral"}


def plain(*messages, reasoning_content=False):
    given = Raw(json.dumps(messages).encode())
    return json.loads(bytes(plain_messages(given, reasoning_content=reasoning_content)))


def test_what_needs_no_change_keeps_its_bytes():
    messages = Raw(b'[ {"role":"user","content":[{"type":"text","text":"say \\"cache_control\\"","odd":1}]} ]')
    tools = Raw(b'[ {"type":"function"} ]')

    assert plain_messages(messages, reasoning_content=False) is messages
    assert plain_tools(tools) is tools


def test_marks_go_and_texts_become_one():
    text = {"type": "text", "text": "One.", "cache_control": EPHEMERAL}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    assert plain(
        {"role": "system", "content": [text, {"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "cache_control": EPHEMERAL}], "odd": 1},
        {"role": "tool", "tool_call_id": "c", "content": [text], "is_error": True},
    ) == [
        {"role": "system", "content": "One.\n\nTwo."},
        {"role": "assistant", "content": None, "tool_calls": [call], "odd": 1},
        {"role": "tool", "tool_call_id": "c", "content": "One."},
    ]


def test_an_image_among_texts_stays_and_loses_its_mark():
    image = {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}

    assert plain({"role": "user", "content": [{**image, "cache_control": EPHEMERAL}]}) == [
        {"role": "user", "content": [image]}
    ]


def test_media_that_tools_returned_follow_after_the_last_of_them():
    image = {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}
    one = {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "Here."}, image]}
    two = {"role": "tool", "tool_call_id": "b", "content": "2"}
    after = {"role": "user", "content": "So?"}

    first, second, shown, last = plain(one, two, after)

    assert first["content"].startswith("Here.")
    assert (second, last) == (two, after)
    assert (shown["role"], shown["content"][1:]) == ("user", [image])


@pytest.mark.parametrize("wanted", [True, False])
def test_thoughts_go_back_only_to_who_wants_them(wanted):
    said = {"role": "assistant", "content": "Hi", "reasoning": "Mm.", "reasoning_details": []}

    (message,) = plain(said, reasoning_content=wanted)

    assert message == {"role": "assistant", "content": "Hi", **({"reasoning_content": "Mm."} if wanted else {})}


def test_a_tool_that_only_anthropic_has_is_refused():
    tools = Raw(b'[{"type":"function","function":{"name":"f"}},{"type":"bash_20250124","name":"bash"}]')

    with pytest.raises(InvalidRequest, match="bash_20250124") as caught:
        plain_tools(tools)

    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize("theirs", [True, False])
def test_openrouter_gets_everything_and_others_only_what_is_openais(theirs):
    request = ChatRequest.build(
        "m",
        [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": EPHEMERAL}]}],
        reasoning={"effort": "high"},
        cache_control=EPHEMERAL,
    )

    wire = OpenAIFormat(Quirks(openrouter_fields=theirs)).to_wire(request, "m", streaming=False, key=None)

    sent = json.loads(wire.body)
    assert ("reasoning" in sent, "cache_control" in sent) == (theirs, theirs)
    assert isinstance(sent["messages"][0]["content"], list if theirs else str)


@pytest.mark.parametrize("address", ["https://e.org/a.pdf", "HTTP://e.org/a.pdf"])
def test_a_file_that_would_have_to_be_fetched_is_refused_by_its_place(address):
    text = {"type": "text", "text": "Read."}
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": address}}

    with pytest.raises(InvalidRequest, match="fetches no files") as refused:
        plain({"role": "user", "content": "Hi"}, {"role": "user", "content": [text, file]})

    assert refused.value.param == "messages[1].content[1].file.file_data"


def test_a_file_that_is_here_keeps_its_bytes():
    data = b'[{"role":"user","content":[{"type":"file","file":{"file_data" :"data:application/pdf;base64,aHR0cA=="}}]}]'
    messages = Raw(data)

    assert plain_messages(messages, reasoning_content=False) is messages
