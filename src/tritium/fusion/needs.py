"""What a request needs of a model, and what a model is known to lack; checked before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest, ContentPart, Message
from tritium.fusion.roster import Facts

BYTES_PER_TOKEN = 4
"""English has about so many: an estimate that leaves nobody out who could have answered."""

_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "video_url": "video",
    "input_video": "video",
    "video": "video",
    "file": "file",
    "input_file": "file",
}
_ARTICLES = {"image": "images", "audio": "audio", "video": "video", "file": "files"}


class Needs(Struct, frozen=True):
    """A request's, as far as models differ in it."""

    inputs: frozenset[str] = frozenset()
    """Beside text: `image`, `audio`, `video`, `file`."""
    tools: bool = False
    structured: bool = False
    prompt_tokens: int = 0
    """An estimate."""
    output_tokens: int = 0
    """The most that may be answered; 0 where nobody said."""


def needs_of(request: ChatRequest) -> Needs:
    body = request.body
    return Needs(
        inputs=frozenset(filter(None, (kind_of_part(part) for part in _parts(body.messages)))),
        tools=bool(body.tools),
        structured=(body.response_format or {}).get("type") == "json_schema",
        prompt_tokens=expected_prompt_tokens(request),
        output_tokens=request.output_limit or 0,
    )


def expected_prompt_tokens(request: ChatRequest) -> int:
    return request.prompt_bytes // BYTES_PER_TOKEN + 8


def kind_of_part(part: ContentPart) -> str | None:
    """`image`, `audio`, `video` or `file`; None for text."""
    return _KINDS.get(part.type)


def _parts(messages: list[Message]) -> list[ContentPart]:
    return [part for message in messages if isinstance(message.content, list) for part in message.content]


def in_words(request: ChatRequest) -> ChatRequest:
    """The request without what is no text; each such part is said to have been there."""
    messages = msgspec.json.decode(request.fields["messages"])
    for message in messages:
        if isinstance(message.get("content"), list):
            message["content"] = [_worded(part) for part in message["content"]]
    return request.replace(messages=messages)


def _worded(part: dict[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(part["type"])
    return part if kind is None else {"type": "text", "text": f"[{kind}: sent along, but you can't see it]"}


def cannot_read(facts: Facts, needs: Needs) -> str | None:
    """Why a model can't even read the request, as far as is known: `it takes no images`."""
    if facts.inputs is not None and needs.inputs - facts.inputs:
        missing = sorted(needs.inputs - facts.inputs)
        return f"it takes no {' and no '.join(_ARTICLES[kind] for kind in missing)}"
    if facts.context_tokens is not None and needs.prompt_tokens + needs.output_tokens > facts.context_tokens:
        return (
            f"its context of {facts.context_tokens:,} tokens is too short for about "
            f"{needs.prompt_tokens + needs.output_tokens:,}"
        )
    return None


def cannot_do(facts: Facts, needs: Needs) -> str | None:
    """Why a model is not the one to be chosen for a request, as far as is known."""
    if needs.tools and facts.tools is False:
        return "it calls no tools"
    if needs.structured and facts.structured is False:
        return "it keeps to no JSON schema"
    return cannot_read(facts, needs)
