"""How many input tokens a request has, without asking a provider: an estimate by length, the same for every model.

Off by a tenth or so for English prose, more for code and for scripts other than Latin; what was billed is in `usage`.
Source of the figures: OpenAI's and Anthropic's rules of thumb, four characters to a token of English, 1,600 tokens to
an image of the size that Claude scales to, up to 3,000 to a page of a PDF.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.chat import ChatRequest, Message
from tritium.providers.upstream import CHARACTERS_PER_TOKEN

_IMAGE_TOKENS = 1600
_FILE_TOKENS = 3000
_MESSAGE_TOKENS = 4
"""A message's role and delimiters."""

_TOOLS_TOKENS = 300
"""What vendors tell a model about tools as soon as there are any."""

_encode = msgspec.json.Encoder().encode


def estimated_tokens(request: ChatRequest) -> int:
    """The input tokens of everything the request says."""
    body = request.body
    characters = sum(map(_characters, body.messages)) + sum(map(_length, body.tools or ()))
    tokens = -(-characters // CHARACTERS_PER_TOKEN) + _MESSAGE_TOKENS * len(body.messages)
    tokens += _TOOLS_TOKENS if body.tools else 0
    return tokens + sum(map(_media_tokens, body.messages))


def _characters(message: Message) -> int:
    said = len(message.text())
    for call in message.tool_calls or ():
        if call.function is not None:
            said += len(call.function.name or "") + len(call.function.arguments or "")
    return said


def _length(tool: dict[str, Any]) -> int:
    return len(_encode(tool.get("function", tool)))


def _media_tokens(message: Message) -> int:
    parts = message.content if isinstance(message.content, list) else []
    return sum(
        _IMAGE_TOKENS if part.image_url is not None else _FILE_TOKENS if part.file is not None else 0 for part in parts
    )
