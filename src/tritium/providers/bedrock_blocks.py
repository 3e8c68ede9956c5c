"""A conversation as Converse's blocks: what was said, shown and called, with points up to which a prompt is cached.

Format: Amazon Bedrock API reference, `ContentBlock`, `ToolConfiguration` and what they hold; which model takes what is
in the user guide's table of supported features.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tritium.errors import InvalidRequest
from tritium.providers.claude_json import enforceable
from tritium.providers.functions import Function, Offer
from tritium.providers.thoughts import Thought
from tritium.providers.turns import GO_ON, Conversation, Media, Part, Text, ToolResult, ToolUse, Turn

_VENDOR = "Bedrock"
_NOTHING = "(nothing)"
"""For a message or a result without any of what is taken: an empty one is refused, and so is one of white space."""
_SEE_DOCUMENT = "(see the document)"
"""A message with a document needs a text, too."""

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}
_VIDEOS = {
    "video/mp4": "mp4",
    "video/mpeg": "mpeg",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_AUDIO = {
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/m4a": "m4a",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/webm": "webm",
}
_KINDS = {
    "image": ("image", _IMAGES),
    "file": ("document", _DOCUMENTS),
    "video": ("video", _VIDEOS),
    "audio": ("audio", _AUDIO),
}
_UNFIT_FOR_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_UNFIT_FOR_NAME = re.compile(r"[^a-zA-Z0-9()\[\]-]+")
_LONGEST_ID, _LONGEST_NAME = 64, 190


class Makers(NamedTuple):
    """Whose model it is, by its id, which may be an ARN that doesn't tell."""

    claude: bool
    nova: bool
    mistral: bool
    nova_thinks: bool = False

    @classmethod
    def named(cls, model: str) -> Makers:
        return cls("claude" in model, "amazon.nova" in model, "mistral" in model, "amazon.nova-2" in model)

    @property
    def caches(self) -> bool:
        """Takes points for caching; the others answer them with a 400."""
        return self.claude or self.nova

    @property
    def told_failure(self) -> bool:
        """Knows whether a tool failed."""
        return self.claude or self.nova


# ---------------------------------------------------------------- messages


def message_blocks(conversation: Conversation, makers: Makers, *, prefill: bool, marked: bool) -> list[dict[str, Any]]:
    """The messages.

    Args:
        conversation: what was said.
        makers: whose model reads it.
        prefill: it continues an unfinished message of its own, if it is a Claude.
        marked: the caller wants the prompt cached as far as it goes.
    """
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": _content(turn, makers)} for turn in conversation.turns
    ]
    last = messages[-1]
    if last["role"] == "assistant" and "toolUse" not in last["content"][-1]:
        if makers.claude and prefill:
            said = next(block for block in reversed(last["content"]) if "text" in block)
            said["text"] = said["text"].rstrip()
        else:
            messages.append({"role": "user", "content": [{"text": GO_ON}]})
    if marked and makers.caches and messages[-1]["role"] == "user":
        messages[-1]["content"].append(_point({}))
    _name_apart(messages)
    return messages


def system_blocks(texts: Sequence[Text], makers: Makers) -> list[dict[str, Any]]:
    return [block for text in texts if text.text.strip() for block in _pointed({"text": text.text}, text, makers)]


def _content(turn: Turn, makers: Makers) -> list[dict[str, Any]]:
    """A turn's blocks. The results of tools go first, as Claude demands."""
    user = turn.role == "user"
    parts = sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult)) if user else turn.parts
    blocks = [block for part in parts for block in _blocks(part, makers, user=user)]
    if not blocks or all("cachePoint" in block or "reasoningContent" in block for block in blocks):
        blocks.append({"text": _NOTHING})
    if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
        blocks.append({"text": _SEE_DOCUMENT})
    return blocks


def _blocks(part: Part, makers: Makers, *, user: bool) -> list[dict[str, Any]]:
    if isinstance(part, Thought):
        return [_thought(part)] if makers.claude else []
    if isinstance(part, Text):
        return _pointed({"text": part.text}, part, makers) if part.text.strip() else []
    if isinstance(part, Media):
        return _pointed(_media(part), part, makers) if user else []
    if isinstance(part, ToolUse):
        use = {"toolUseId": _id(part.id), "name": part.name, "input": part.arguments}
        return _pointed({"toolUse": use}, part, makers)
    return _tool_result(part, makers)


def _tool_result(part: ToolResult, makers: Makers) -> list[dict[str, Any]]:
    """A point for caching must be after the result; inside one there is no place for it."""
    inner = [
        {"text": each.text} if isinstance(each, Text) else _media(each)
        for each in part.content
        if not isinstance(each, Text) or each.text.strip()
    ]
    result: dict[str, Any] = {"toolUseId": _id(part.id), "content": inner or [{"text": _NOTHING}]}
    if part.failed and makers.told_failure:
        result["status"] = "error"
    marked = next((each for each in part.content if each.cache_control is not None), None)
    block = {"toolResult": result}
    return [block] if marked is None else _pointed(block, marked, makers)


def _thought(part: Thought) -> dict[str, Any]:
    if part.data is not None:
        return {"reasoningContent": {"redactedContent": part.data}}
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature or ""}}}


def _media(part: Media) -> dict[str, Any]:
    """Bytes with their format; Bedrock fetches nothing."""
    kind = "image" if part.media_type in _IMAGES else part.kind
    name, formats = _KINDS[kind]
    if part.data is None:
        raise InvalidRequest(f"{_VENDOR} fetches nothing: send the {name} as a data URL.", param=part.where)
    suffix = formats.get(part.media_type)
    if suffix is None:
        known = ", ".join(sorted(formats))
        raise InvalidRequest(f"{_VENDOR} takes {known} here, not {part.media_type!r}.", param=part.where)
    block: dict[str, Any] = {"format": suffix, "source": {"bytes": part.data}}
    if name == "document":
        block["name"] = _document_name(part.name)
    return {name: block}


def _document_name(given: str | None) -> str:
    """Letters, digits, brackets, hyphens and single blanks."""
    return _UNFIT_FOR_NAME.sub(" ", given or "").strip()[:_LONGEST_NAME] or "document"


def _name_apart(messages: list[dict[str, Any]]) -> None:
    """Documents of the same name are refused."""
    taken: set[str] = set()
    for message in messages:
        inner = [
            each for block in message["content"] for each in (block, *block.get("toolResult", {}).get("content", ()))
        ]
        for document in (block["document"] for block in inner if "document" in block):
            name, number = document["name"], 1
            while document["name"] in taken:
                number += 1
                document["name"] = f"{name} ({number})"
            taken.add(document["name"])


def _pointed(block: dict[str, Any], part: Text | Media | ToolUse, makers: Makers) -> list[dict[str, Any]]:
    """The block, and behind it the point up to which the prompt is cached, if the caller marked it."""
    if part.cache_control is None or not makers.caches:
        return [block]
    return [block, _point(part.cache_control)]


def _point(mark: dict[str, Any]) -> dict[str, Any]:
    point = {"type": "default"}
    if mark.get("ttl") == "1h":
        point["ttl"] = "1h"
    return {"cachePoint": point}


def _id(call_id: str) -> str:
    """Other vendors' ids may be longer or odder; both ends of a pair change alike."""
    return _UNFIT_FOR_ID.sub("_", call_id)[-_LONGEST_ID:]


# ---------------------------------------------------------------- tools


def tool_config(offer: Offer, conversation: Conversation, makers: Makers, *, strict: bool) -> dict[str, Any] | None:
    """What is offered. Tools that were called earlier must be declared even where they are no longer on offer.

    Raises:
        InvalidRequest: a tool is no function, nor one of Converse's own kinds.
    """
    called = dict.fromkeys(use.name for use in conversation.tool_uses())
    functions = offer.functions or [Function(name) for name in called]
    if offer.choice == "none" and not called:
        functions = []
    if not functions and not offer.others:
        return None
    tools = [tool for function in functions for tool in _tool(function, makers, strict=strict)]
    config: dict[str, Any] = {"tools": [*tools, *map(_theirs, offer.others)]}
    choice = _tool_choice(offer, makers)
    if choice is not None:
        config["toolChoice"] = choice
    return config


def _tool(function: Function, makers: Makers, *, strict: bool) -> list[dict[str, Any]]:
    schema = {"type": "object", **(function.parameters or {})}
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": schema}}
    if function.description:
        spec["description"] = function.description
    if function.strict and makers.claude and strict:
        spec |= {"strict": True, "inputSchema": {"json": enforceable(schema)}}
    tool = {"toolSpec": spec}
    if function.cache_control is None or not makers.claude:
        return [tool]
    return [tool, _point(function.cache_control)]


def _theirs(tool: dict[str, Any]) -> dict[str, Any]:
    if "type" in tool or not {"toolSpec", "systemTool", "cachePoint"} & tool.keys():
        raise InvalidRequest(f"{_VENDOR} knows no tool of type {tool.get('type')!r}.", param="tools")
    return tool


def _tool_choice(offer: Offer, makers: Makers) -> dict[str, Any] | None:
    """Only some makers' models can be forced; the others decide themselves, as without it."""
    if offer.choice == "named" and (makers.claude or makers.nova):
        return {"tool": {"name": offer.name}}
    if offer.choice in ("named", "required") and (makers.claude or makers.nova or makers.mistral):
        return {"any": {}}
    return {"auto": {}} if offer.choice == "auto" else None
