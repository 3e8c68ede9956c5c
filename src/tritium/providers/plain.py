"""OpenAI's chat without what other dialects brought into it, for servers that refuse what they don't know.

Out go the marks for caching, `is_error` and other vendors' thoughts; texts in parts become one text; what a tool
returned that isn't text moves into a message of the user's, since a tool's message takes nothing else.
Format: OpenAI API reference, chat messages and tools.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from tritium.errors import InvalidRequest
from tritium.providers.functions import refuse_anthropics

_TO_CHANGE = re.compile(rb'"(?:(?:cache_control|is_error|reasoning(?:_details)?)"|file_data"\s*:\s*"[hH])')
"""Without any of these, and without what a tool returned beside text, there is nothing to change."""
_DATED = re.compile(rb'_20\d{6}"')
_MEDIA = (b'"image_url"', b'"file"', b'"input_audio"', b'"video_url"')
_SHOWN_BELOW = "(shown in the next message)"
_RETURNED = "What the tool returned:"
_encode = msgspec.json.Encoder().encode


def plain_messages(messages: Raw, *, reasoning_content: bool) -> Raw:
    """The same messages in OpenAI's own words; the very bytes where there is nothing to change.

    `reasoning_content`: the server wants its earlier thoughts back under this name.

    Raises:
        InvalidRequest: a file is given by its address.
    """
    given = bytes(messages)
    returns_media = b'"tool_call_id"' in given and any(kind in given for kind in _MEDIA)
    if not returns_media and not _TO_CHANGE.search(given):
        return messages
    plain: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for place, message in enumerate(msgspec.json.decode(given, type=list[dict[str, Any]])):
        _refuse_addresses(message, f"messages[{place}].content")
        if shown and message.get("role") != "tool":
            plain.append({"role": "user", "content": shown})
            shown = []
        plain.append(_plain_message(message, reasoning_content=reasoning_content))
        if message.get("role") == "tool":
            shown += _without_media(plain[-1])
    if shown:
        plain.append({"role": "user", "content": shown})
    return Raw(_encode(plain))


def plain_tools(tools: Raw) -> Raw:
    """The same tools without their marks for caching.

    Raises:
        InvalidRequest: one of them is built into Anthropic's API.
    """
    given = bytes(tools)
    if b'"cache_control"' not in given and not _DATED.search(given):
        return tools
    plain = msgspec.json.decode(given, type=list[dict[str, Any]])
    refuse_anthropics(plain, "this provider")
    for tool in plain:
        tool.pop("cache_control", None)
        if isinstance(tool.get("function"), dict):
            tool["function"].pop("cache_control", None)
    return Raw(_encode(plain))


def _plain_message(message: dict[str, Any], *, reasoning_content: bool) -> dict[str, Any]:
    plain = {name: value for name, value in message.items() if name not in ("cache_control", "is_error")}
    plain.pop("reasoning_details", None)
    thoughts = plain.pop("reasoning", None)
    if thoughts and reasoning_content:
        plain.setdefault("reasoning_content", thoughts)
    if isinstance(plain.get("content"), list):
        plain["content"] = _plain_content(plain["content"])
    if isinstance(plain.get("tool_calls"), list):
        plain["tool_calls"] = [_unmarked(call) for call in plain["tool_calls"]]
    return plain


def _refuse_addresses(message: dict[str, Any], where: str) -> None:
    """OpenAI's dialect fetches images, and no files."""
    content = message.get("content")
    for place, part in enumerate(content if isinstance(content, list) else ()):
        file = part.get("file") if isinstance(part, dict) else None
        data = file.get("file_data") if isinstance(file, dict) else None
        if isinstance(data, str) and data[:8].lower().startswith(("http://", "https://")):
            raise InvalidRequest(
                "This provider fetches no files: send the contents, as a data URL, in 'file_data'.",
                param=f"{where}[{place}].file.file_data",
            )


def _plain_content(parts: list[Any]) -> str | list[Any]:
    unmarked = [_unmarked(part) for part in parts]
    if unmarked and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in unmarked):
        return "\n\n".join(part["text"] for part in unmarked)
    return unmarked


def _unmarked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name != "cache_control"}


def _without_media(message: dict[str, Any]) -> list[Any]:
    """Leave a tool's message its texts; returns what else it held, introduced to whoever reads it elsewhere."""
    content = message.get("content")
    if not isinstance(content, list):
        return []
    texts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    media = [part for part in content if part not in texts]
    said = [str(part.get("text", "")) for part in texts]
    message["content"] = "\n\n".join([*said, _SHOWN_BELOW] if media else said)
    return [{"type": "text", "text": _RETURNED}, *media] if media else []
