"""Anthropic's content blocks as OpenAI's messages: one message of blocks may become several.

Where OpenAI's dialect has no word, its fields are stretched rather than the meaning dropped: `cache_control` stays on
what it marks, `is_error` on a tool's message, thoughts become OpenRouter's `reasoning_details`.
Format: Anthropic API reference, content blocks of `messages` and `system`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Raw, Struct, field

from tritium.api.messages.seals import unsealed_data, unsealed_thought
from tritium.errors import InvalidRequest


class Source(Struct):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[Block] | None = None


class Block(Struct):
    """Any block: what its type doesn't ask for is not there."""

    type: str
    text: str | None = None
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = field(default_factory=Raw)
    tool_use_id: str | None = None
    tool_name: str | None = None
    content: str | list[Block] | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: dict[str, Any] | None = None


class BlockMessage(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


def cache_control(given: dict[str, Any] | None) -> dict[str, Any]:
    """The mark as a field, with what is documented of it: `scope` and the like need a beta that isn't ours to claim."""
    if given is None:
        return {}
    return {"cache_control": {name: given[name] for name in ("type", "ttl") if name in given}}


def chat_messages(message: BlockMessage, where: str) -> list[dict[str, Any]]:
    """One message as OpenAI's: the results of tools first, each a message of its own, then what was said.

    Raises:
        InvalidRequest: a block of a type that can't be carried, or without what its type needs; `param` names it.
    """
    if isinstance(message.content, str):
        return [{"role": message.role, "content": message.content}]
    places = [(block, f"{where}.content[{place}]") for place, block in enumerate(message.content)]
    if message.role == "assistant":
        return [_assistant(places)]
    results = [_tool_result(block, place) for block, place in places if block.type == "tool_result"]
    said = [part for block, place in places if block.type != "tool_result" for part in _parts(block, place)]
    if said or not results:
        results.append({"role": message.role, "content": _content(said)})
    return results


def system_message(system: str | list[Block]) -> dict[str, Any]:
    """The system prompt as a message; in one piece unless a part of it is marked for caching."""
    if isinstance(system, str):
        return {"role": "system", "content": system}
    parts = [part for place, block in enumerate(system) for part in _parts(block, f"system[{place}]")]
    if any("cache_control" in part for part in parts):
        return {"role": "system", "content": parts}
    return {"role": "system", "content": "\n\n".join(part.get("text", "") for part in parts)}


# ---------------------------------------------------------------- the assistant's


def _assistant(places: list[tuple[Block, str]]) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    unsigned: list[str] = []
    for block, where in places:
        if block.type == "tool_use":
            calls.append(_call(block, where))
        elif block.type == "thinking":
            thought = unsealed_thought(block.thinking or "", block.signature or "", len(details))
            details += [thought] if thought is not None else []
            unsigned += [block.thinking] if thought is None and block.thinking else []
        elif block.type == "redacted_thinking":
            secret = unsealed_data(block.data or "", len(details))
            details += [secret] if secret is not None else []
        else:
            said += _parts(block, where)
    message: dict[str, Any] = {"role": "assistant", "content": _content(said) if said or not calls else None}
    if calls:
        message["tool_calls"] = calls
    if details:
        message["reasoning_details"] = details
    if unsigned:
        message["reasoning"] = "".join(unsigned)
    return message


def _call(block: Block, where: str) -> dict[str, Any]:
    function = {
        "name": _needed(block.name, "name", block, where),
        "arguments": bytes(block.input).decode() or "{}",
    }
    call = {"id": _needed(block.id, "id", block, where), "type": "function", "function": function}
    return {**call, **cache_control(block.cache_control)}


# ---------------------------------------------------------------- results of tools


def _tool_result(block: Block, where: str) -> dict[str, Any]:
    """A result's own mark for caching moves to its last part, where OpenRouter's dialect has it."""
    inner = block.content or ""
    parts = (
        [_text(inner)]
        if isinstance(inner, str)
        else [part for place, each in enumerate(inner) for part in _parts(each, f"{where}.content[{place}]")]
    )
    if parts and block.cache_control is not None:
        parts[-1] |= cache_control(block.cache_control)
    message: dict[str, Any] = {
        "role": "tool",
        "tool_call_id": _needed(block.tool_use_id, "tool_use_id", block, where),
        "content": _content(parts),
    }
    if block.is_error:
        message["is_error"] = True
    return message


# ---------------------------------------------------------------- parts


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """One plain text as a string, which every server takes."""
    if not parts:
        return ""
    only = parts[0]
    if len(parts) == 1 and only["type"] == "text" and "cache_control" not in only:
        text: str = only["text"]
        return text
    return parts


def _parts(block: Block, where: str) -> list[dict[str, Any]]:
    """A block as content parts: one, but for a document that is made of blocks."""
    if block.type == "document":
        return _document(block, where)
    if block.type == "text":
        part = _text(_needed(block.text, "text", block, where))
    elif block.type == "image":
        part = {"type": "image_url", "image_url": {"url": _address(block, where)}}
    elif block.type == "search_result":
        part = _text(_search_result(block, where))
    elif block.type == "tool_reference":
        part = _text(f"The tool {block.tool_name!r} can be called.")
    elif block.type == "compaction" and isinstance(block.content, str | None):
        part = _text(block.content or "")
    else:
        raise InvalidRequest(
            f"A block of type {block.type!r} can't be passed on to a model here; leave it out.", param=f"{where}.type"
        )
    return [{**part, **cache_control(block.cache_control)}]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _document(block: Block, where: str) -> list[dict[str, Any]]:
    """A PDF as a file; a document of text as text, under its title."""
    source = block.source
    if isinstance(source, Source) and source.type in ("text", "content"):
        inner = source.data if source.type == "text" else source.content
        parts = (
            [part for place, each in enumerate(inner) for part in _parts(each, f"{where}.source.content[{place}]")]
            if isinstance(inner, list)
            else [_text(inner or "")]
        )
        heading = "\n".join(filter(None, (block.title, block.context)))
        if heading:
            parts.insert(0, _text(heading))
    else:
        file = {"filename": block.title or "document.pdf", "file_data": _address(block, where)}
        parts = [_text(block.context)] if block.context else []
        parts.append({"type": "file", "file": file})
    parts[-1] |= cache_control(block.cache_control)
    return parts


def _search_result(block: Block, where: str) -> str:
    inner = block.content if isinstance(block.content, list) else []
    found = "\n".join(_needed(each.text, "text", each, where) for each in inner)
    source = block.source if isinstance(block.source, str) else ""
    return "\n".join(filter(None, (block.title, source, found)))


def _address(block: Block, where: str) -> str:
    """Where an image's or a document's bytes are, or a data URL that holds them."""
    source = block.source
    if isinstance(source, Source) and source.type == "url" and source.url:
        return source.url
    if isinstance(source, Source) and source.type == "base64" and source.data:
        media_type = source.media_type or ("application/pdf" if block.type == "document" else "image/png")
        return f"data:{media_type};base64,{source.data}"
    kind = source.type if isinstance(source, Source) else None
    raise InvalidRequest(
        f"The source of this {block.type} is {kind!r}; send the bytes as 'base64', or a 'url'.", param=f"{where}.source"
    )


def _needed(value: str | None, name: str, block: Block, where: str) -> str:
    if value is None:
        raise InvalidRequest(f"A block of type {block.type!r} needs {name!r}.", param=f"{where}.{name}")
    return value
