"""What llama.cpp is asked: of a chat request's body, the fields it is safe to pass on.

A list of what is allowed, because llama.cpp takes many more that change the server, not the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PASSED_ON = (
    "messages",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "stop",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
)
_SEEDS = 2**32 - 1
"""One more would mean "random" to llama.cpp."""


_MARKER = re.compile(r"<\|(?=\w+\|>)")


def llama_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request in llama.cpp's dialect, always streamed and always with its usage."""
    asked = {field: body[field] for field in _PASSED_ON if body.get(field) is not None}
    asked["messages"] = [_defused(each) for each in asked.get("messages", [])]
    if (penalty := body.get("repetition_penalty")) is not None:  # OpenRouter's name
        asked["repeat_penalty"] = penalty
    if (seed := body.get("seed")) is not None:
        asked["seed"] = seed % _SEEDS
        # An answer computed from a remembered prompt differs in its last bits, and then in its words.
        asked["cache_prompt"] = False
    return asked | {
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # so that it can be stopped while it reads the prompt
    }


def _defused(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message with a space in every `<|marker|>`: llama.cpp reads markers in a text as the template's own.

    Otherwise a text could end its message and speak as the system: a judge reads what other models wrote.
    """
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": _MARKER.sub("<| ", content)}
    if isinstance(content, list):
        return {**message, "content": [_defused_part(part) for part in content]}
    return message


def _defused_part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    text = part.get("text")
    return {**part, "text": _MARKER.sub("<| ", text)} if isinstance(text, str) else part
