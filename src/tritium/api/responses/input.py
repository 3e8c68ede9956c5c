"""Input items as chat messages: what was said, called, answered and thought, in the order in which it happened.

Invariant: what the assistant thinks, says and calls in one turn is one chat message, as chat has it.
Format read: `ResponsesRequest.input` of OpenRouter's OpenAPI document, a superset of OpenAI's input items.
"""

from __future__ import annotations

from typing import Any

from tritium.api.responses.seal import is_sealed, unsealed
from tritium.errors import InvalidRequest

OWN_ID = "rs_gen-"
"""How ids begin that we gave to reasoning; no vendor knows them."""

_SPEAKERS = ("user", "assistant", "system", "developer")
_PARTS = "input_text, input_image, input_file, input_audio, input_video, output_text, refusal"
_ITEMS = "message, function_call, function_call_output, reasoning"


def read_input(given: str | list[dict[str, Any]], instructions: str | None) -> list[dict[str, Any]]:
    """The whole conversation; `instructions` come first, as a system message.

    Raises:
        InvalidRequest: an item holds what no chat message can, or refers to something that is not kept here.
    """
    dialogue = _Dialogue()
    if instructions:
        dialogue.say({"role": "system", "content": instructions})
    if isinstance(given, str):
        dialogue.say({"role": "user", "content": given})
    else:
        for place, item in enumerate(given):
            dialogue.add(item, f"input[{place}]")
    dialogue.end_turn()
    if not dialogue.messages:
        raise InvalidRequest("'input' is empty: send a text or at least one item.", param="input")
    return dialogue.messages


class _Dialogue:
    """Messages as they come about. `_turn`: the assistant's message that is still being added to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._turn: dict[str, Any] | None = None
        self._thoughts: list[dict[str, Any]] = []

    def add(self, item: dict[str, Any], where: str) -> None:
        kind = item.get("type") or ("message" if "role" in item else None)
        if kind == "message":
            self._message(item, where)
        elif kind == "function_call":
            self._call(item, where)
        elif kind == "function_call_output":
            content = _content(_needed(item, "output", where), f"{where}.output")
            self.say({"role": "tool", "tool_call_id": _text(item, "call_id", where), "content": content})
        elif kind == "reasoning":
            self._thoughts += _details(item)
        elif kind == "item_reference":
            raise InvalidRequest(
                f"{where} refers to an item by its id, and nothing is kept here: send the item itself.", param=where
            )
        elif not _records_a_server_tool(kind):
            raise InvalidRequest(f"{where}.type is {kind!r}; an input item is one of {_ITEMS}.", param=f"{where}.type")

    def say(self, message: dict[str, Any]) -> None:
        """Somebody other than the assistant speaks."""
        self.end_turn()
        self.messages.append(message)

    def end_turn(self) -> None:
        """Thoughts that nothing followed belong to what they followed; thoughts alone are no turn."""
        if self._turn is not None:
            self._think(self._turn)
        self._turn = None
        self._thoughts = []

    def _message(self, item: dict[str, Any], where: str) -> None:
        role = _text(item, "role", where)
        if role not in _SPEAKERS:
            raise InvalidRequest(f"{where}.role is {role!r}; it is one of {', '.join(_SPEAKERS)}.", param=where)
        content = _content(item.get("content"), f"{where}.content")
        if role != "assistant":
            self.say({"role": role, "content": content})
            return
        self._begin_turn()["content"] = content

    def _call(self, item: dict[str, Any], where: str) -> None:
        turn = self._turn or self._begin_turn()
        self._think(turn)
        function = {"name": _text(item, "name", where), "arguments": _text(item, "arguments", where)}
        call = {"id": _text(item, "call_id", where), "type": "function", "function": function}
        turn.setdefault("tool_calls", []).append(call)

    def _begin_turn(self) -> dict[str, Any]:
        self._turn = {"role": "assistant", "content": None}
        self.messages.append(self._turn)
        self._think(self._turn)
        return self._turn

    def _think(self, turn: dict[str, Any]) -> None:
        """Give the turn the thoughts that came before what is now said."""
        if self._thoughts:
            known = turn.setdefault("reasoning_details", [])
            known += [{**each, "index": len(known) + place} for place, each in enumerate(self._thoughts)]
            self._thoughts = []


def _records_a_server_tool(kind: Any) -> bool:
    """A record of what a server did in an earlier turn; what came of it stands in that turn's message."""
    return isinstance(kind, str) and (kind.startswith("openrouter:") or kind == "web_search_call")


def _details(item: dict[str, Any]) -> list[dict[str, Any]]:
    """A reasoning item as OpenRouter's `reasoning_details`, for the vendor that wants its own thoughts back."""
    item_id = item.get("id")
    own = not isinstance(item_id, str) or item_id.startswith(OWN_ID)
    shared = {"format": item.get("format") or "unknown", "id": None if own else item_id}
    details: list[dict[str, Any]] = [
        {"type": "reasoning.summary", "summary": text, **shared} for text in _texts(item.get("summary"))
    ]
    encrypted = item.get("encrypted_content")
    if is_sealed(encrypted):
        kept = unsealed(encrypted)
        return details if kept is None else [*details, kept]
    text, signature = "".join(_texts(item.get("content"))), item.get("signature")
    if text or signature:
        details.append({"type": "reasoning.text", "text": text, "signature": signature, **shared})
    if encrypted:
        details.append({"type": "reasoning.encrypted", "data": encrypted, **shared})
    return details


def _texts(parts: Any) -> list[str]:
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [text for text in found if isinstance(text, str) and text]


# ---------------------------------------------------------------- what is said


def _content(content: Any, where: str) -> str | list[dict[str, Any]]:
    """A message's content; a text that is alone stays a text, since not every server takes parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} is neither a text nor a list of parts.", param=where)
    parts = [_part(part, f"{where}[{place}]") for place, part in enumerate(content)]
    if all(set(part) == {"type", "text"} for part in parts) and len(parts) < 2:
        return parts[0]["text"] if parts else ""
    return parts


def _part(part: Any, where: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("input_text", "output_text", "text"):
        found = {"type": "text", "text": _text(part, "text", where)}
        return {**found, "cache_control": part["cache_control"]} if part.get("cache_control") else found
    if kind == "refusal":
        return {"type": "text", "text": _text(part, "refusal", where)}
    if kind == "input_image":
        return _image(part, where)
    if kind == "input_file":
        return _file(part, where)
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": _needed(part, "input_audio", where)}
    if kind == "input_video":
        return {"type": "video_url", "video_url": {"url": _text(part, "video_url", where)}}
    raise InvalidRequest(f"{where}.type is {kind!r}; a part is one of {_PARTS}.", param=where)


def _image(part: dict[str, Any], where: str) -> dict[str, Any]:
    url = part.get("image_url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest(
            f"{where} has no 'image_url': send an address or a data URL. Uploaded files (file_id) are not kept here.",
            param=f"{where}.image_url",
        )
    image = {"url": url}
    if part.get("detail") is not None:
        # Chat knows no "original"; "high" is the most that it can ask for.
        image["detail"] = "high" if part["detail"] == "original" else part["detail"]
    return {"type": "image_url", "image_url": image}


def _file(part: dict[str, Any], where: str) -> dict[str, Any]:
    file = {
        "filename": part.get("filename"),
        "file_data": part.get("file_data") or part.get("file_url"),
        "file_id": part.get("file_id"),
    }
    if not file["file_data"] and not file["file_id"]:
        raise InvalidRequest(f"{where} has none of 'file_data', 'file_url' and 'file_id'.", param=where)
    return {"type": "file", "file": {name: value for name, value in file.items() if value}}


def _needed(item: dict[str, Any], name: str, where: str) -> Any:
    value = item.get(name)
    if value is None:
        raise InvalidRequest(f"The required field {name!r} is missing in {where!r}.", param=f"{where}.{name}")
    return value


def _text(item: dict[str, Any], name: str, where: str) -> str:
    value = _needed(item, name, where)
    if not isinstance(value, str):
        raise InvalidRequest(f"{where}.{name} is not a text.", param=f"{where}.{name}")
    return value
