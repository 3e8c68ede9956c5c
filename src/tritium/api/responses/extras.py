"""What an OpenAI-shaped chunk says that our vocabulary doesn't hold: log probabilities and citations.

Read only from chunks that name them; most don't.
Formats: chat's `choices[].logprobs` and `url_citation` annotations; `ResponseOutputText` of OpenRouter's OpenAPI.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct


class Extras(Struct, frozen=True):
    """As Responses has them."""

    logprobs: list[dict[str, Any]] | None = None
    annotations: list[dict[str, Any]] | None = None


class _Logprobs(Struct):
    content: list[dict[str, Any]] | None = None


class _Message(Struct):
    annotations: list[dict[str, Any]] | None = None


class _Choice(Struct):
    index: int = 0
    logprobs: _Logprobs | None = None
    delta: _Message | None = None
    message: _Message | None = None


class _Answer(Struct):
    choices: list[_Choice] | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_NOTHING = Extras()


def read_extras(raw: bytes) -> Extras:
    """Of choice 0; nothing where there is nothing, or nothing that can be read: they are no part of the text."""
    if b'"logprobs"' not in raw and b'"annotations"' not in raw:
        return _NOTHING
    try:
        choices = _decode(raw).choices or ()
    except msgspec.MsgspecError:
        return _NOTHING
    choice = next((each for each in choices if each.index == 0), None)
    if choice is None:
        return _NOTHING
    said = choice.delta or choice.message
    tokens = (choice.logprobs.content if choice.logprobs is not None else None) or ()
    sources = (said.annotations if said is not None else None) or ()
    logprobs = [found for each in tokens if (found := _logprob(each)) is not None]
    annotations = [found for each in sources if (found := _citation(each)) is not None]
    return Extras(logprobs or None, annotations or None)


def _logprob(token: dict[str, Any]) -> dict[str, Any] | None:
    if not isinstance(token.get("token"), str) or not isinstance(token.get("logprob"), int | float):
        return None
    others = [found for each in token.get("top_logprobs") or () if (found := _logprob(each)) is not None]
    read = {"token": token["token"], "logprob": token["logprob"], "bytes": token.get("bytes") or []}
    return {**read, "top_logprobs": others} if "top_logprobs" in token else read


def _citation(annotation: dict[str, Any]) -> dict[str, Any] | None:
    """A source on the web; chat nests its fields, Responses doesn't."""
    cited = annotation.get("url_citation")
    if annotation.get("type") != "url_citation" or not isinstance(cited, dict) or not isinstance(cited.get("url"), str):
        return None
    found = {
        "type": "url_citation",
        "url": cited["url"],
        "title": cited.get("title") or "",
        "start_index": cited.get("start_index") or 0,
        "end_index": cited.get("end_index") or 0,
    }
    return {**found, "content": cited["content"]} if isinstance(cited.get("content"), str) else found
