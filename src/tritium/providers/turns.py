"""A chat as alternating turns, for dialects that are stricter than OpenAI's about who speaks when.

Invariant: the first turn is the user's, roles alternate, no turn and no text is empty, tool calls keep ids and order.
Format read: OpenAI's chat messages, with OpenRouter's `cache_control`, `video_url` and `reasoning_details`, and
Anthropic's `is_error`.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec
from msgspec import Struct, field

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.thoughts import Detail, Thought, read_thoughts

OPENING = "(start of the conversation)"
"""Said by the user where a chat begins with the assistant's greeting, which native dialects refuse."""

GO_ON = "Continue exactly where your last message stops."
"""Said for the user where a chat ends with the assistant and the model refuses to continue its own message."""

_MEDIA_TYPES = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
_DEFAULT_MEDIA_TYPE = {"image": "image/jpeg", "file": "application/pdf", "video": "video/mp4"}


class Text(Struct, frozen=True):
    text: str
    cache_control: dict[str, Any] | None = None


class Media(Struct, frozen=True):
    """An image, document, recording or film: its bytes in base64, or where they are."""

    kind: Literal["image", "file", "audio", "video"]
    where: str
    """The path in the request, for errors."""
    media_type: str
    data: str | None = None
    url: str | None = None
    name: str | None = None
    cache_control: dict[str, Any] | None = None


class ToolUse(Struct, frozen=True):
    id: str
    name: str
    arguments: dict[str, Any]
    signature: str | None = None
    cache_control: dict[str, Any] | None = None


class ToolResult(Struct, frozen=True):
    id: str
    name: str
    content: list[Text | Media]
    failed: bool = False


Part: TypeAlias = Text | Media | ToolUse | ToolResult | Thought


class Turn(Struct):
    role: Literal["user", "assistant"]
    parts: list[Part]


class Conversation(Struct):
    system: list[Text] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def add(self, role: Literal["user", "assistant"], parts: list[Part]) -> None:
        """Say something; what the same side said just before is continued."""
        if parts and self.turns and self.turns[-1].role == role:
            self.turns[-1].parts.extend(parts)
        elif parts:
            self.turns.append(Turn(role, parts))

    def tool_uses(self) -> list[ToolUse]:
        return [part for turn in self.turns for part in turn.parts if isinstance(part, ToolUse)]


def read_turns(request: ChatRequest, vendor: str, *, thought_format: str) -> Conversation:
    """The chat as turns; the system and developer messages apart, thoughts of other vendors left out.

    Raises:
        InvalidRequest: a message holds what no vendor can be given, or nothing at all was said.
    """
    try:
        messages = _decode_messages(request.fields["messages"])
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise InvalidRequest(f"Invalid message: {what}.", param="messages" + path.strip("`")) from None
    conversation = Conversation()
    names: dict[str, str] = {}
    for place, message in enumerate(messages):
        where = f"messages[{place}].content"
        if message.role in ("system", "developer"):
            conversation.system += [part for part in _content(message, where, vendor) if isinstance(part, Text)]
        elif message.role in ("tool", "function"):
            call_id = message.tool_call_id or _legacy_id(message.name)
            name = names.get(call_id) or message.name or "function"
            result = ToolResult(call_id, name, _content(message, where, vendor), message.is_error is True)
            conversation.add("user", [result])
        elif message.role == "user":
            conversation.add("user", [*_content(message, where, vendor)])
        else:
            calls = _calls(message)
            names.update((call.id, call.name) for call in calls)
            said: list[Part] = [*_content(message, where, vendor), *calls]
            # Thoughts alone are no turn: vendors refuse a message that ends with one.
            thoughts = read_thoughts(message.reasoning_details or (), thought_format) if said else []
            conversation.add("assistant", [*thoughts, *said])
    return _begun(conversation)


def _begun(conversation: Conversation) -> Conversation:
    """The same, opened by the user."""
    if not conversation.turns and conversation.system:
        return Conversation([], [Turn("user", [*conversation.system])])
    if not conversation.turns:
        raise InvalidRequest("'messages' says nothing: every message is empty.", param="messages")
    if conversation.turns[0].role == "assistant":
        conversation.turns.insert(0, Turn("user", [Text(OPENING)]))
    return conversation


# ---------------------------------------------------------------- what a message holds


class _Url(Struct):
    url: str


class _File(Struct):
    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class _Audio(Struct):
    data: str
    format: str = "wav"


class _Part(Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _Url | str | None = None
    video_url: _Url | str | None = None
    file: _File | None = None
    input_audio: _Audio | None = None
    cache_control: dict[str, Any] | None = None


class _Function(Struct):
    name: str
    arguments: str | None = None


class _Call(Struct):
    function: _Function
    id: str | None = None
    extra_content: dict[str, Any] | None = None
    """Where Google's own OpenAI dialect keeps a call's signature."""
    cache_control: dict[str, Any] | None = None


class _Message(Struct):
    role: str
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _Function | None = None
    reasoning_details: list[Detail] | None = None
    is_error: bool | None = None
    """Of a tool's message, as Anthropic's dialect has it: what it says is what went wrong."""


_decode_messages = msgspec.json.Decoder(list[_Message]).decode


def _content(message: _Message, where: str, vendor: str) -> list[Text | Media]:
    """What was said, without the empty texts that native dialects refuse; a user's name goes before it."""
    content = message.content or ""
    parts: list[Text | Media] = []
    if isinstance(content, str):
        parts.append(Text(content))
    else:
        parts += [_part(part, f"{where}[{place}]", vendor) for place, part in enumerate(content)]
    parts = [part for part in parts if not isinstance(part, Text) or part.text.strip()]
    if message.role == "user" and message.name and parts:
        first = parts[0]
        if isinstance(first, Text):
            parts[0] = Text(f"{message.name}: {first.text}", first.cache_control)
        else:
            parts.insert(0, Text(f"{message.name}:"))
    return parts


def _part(part: _Part, where: str, vendor: str) -> Text | Media:
    if part.type in ("text", "refusal"):
        return Text(part.text or part.refusal or "", part.cache_control)
    if part.type == "image_url" and part.image_url is not None:
        return _linked("image", part.image_url, where, part)
    if part.type == "video_url" and part.video_url is not None:
        return _linked("video", part.video_url, where, part)
    if part.type == "input_audio" and part.input_audio is not None:
        audio = part.input_audio
        return Media("audio", where, f"audio/{audio.format}", audio.data, cache_control=part.cache_control)
    if part.type == "file" and part.file is not None:
        if not part.file.file_data:
            raise InvalidRequest(
                f"{vendor} can't fetch a file by its id: send its contents as 'file_data'.", param=where
            )
        return _linked("file", part.file.file_data, where, part)
    raise InvalidRequest(f"A content part of type {part.type!r} can't be sent to {vendor}.", param=where)


def _linked(kind: Literal["image", "file", "video"], link: _Url | str, where: str, part: _Part) -> Media:
    """Something given by an address, which may hold the bytes themselves."""
    url = link.url if isinstance(link, _Url) else link
    name = part.file.filename if part.file is not None else None
    if url.startswith("data:"):
        media_type, data = _data_url(url, where)
        return Media(kind, where, media_type, data, None, name, part.cache_control)
    if url.startswith(("http://", "https://")):
        return Media(kind, where, _media_type(urlsplit(url).path, kind), None, url, name, part.cache_control)
    if kind != "file":
        raise InvalidRequest(f"{url[:40]!r} is neither an http(s) address nor a data URL.", param=where)
    return Media(kind, where, _media_type(name or "", kind), url, None, name, part.cache_control)


def _data_url(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL (RFC 2397)."""
    head, comma, payload = url[len("data:") :].partition(",")
    if not comma:
        raise InvalidRequest("A data URL needs a comma before its data.", param=where)
    media_type = head.partition(";")[0] or "text/plain"
    if head.endswith(";base64"):
        return media_type, payload
    return media_type, b64encode(unquote_to_bytes(payload)).decode()


def _media_type(path: str, kind: Literal["image", "file", "video"]) -> str:
    return _MEDIA_TYPES.get(path.rpartition(".")[2].lower(), _DEFAULT_MEDIA_TYPE[kind])


def _calls(message: _Message) -> list[ToolUse]:
    calls = [
        ToolUse(
            call.id or _legacy_id(call.function.name),
            call.function.name,
            _arguments(call),
            _signature(call),
            call.cache_control,
        )
        for call in message.tool_calls or ()
    ]
    if message.function_call is not None:  # OpenAI's form before tools; at most one a message
        legacy = _Call(message.function_call)
        calls.append(ToolUse(_legacy_id(legacy.function.name), legacy.function.name, _arguments(legacy)))
    return calls


def _legacy_id(name: str | None) -> str:
    return f"call_{name or 'function'}"


def _arguments(call: _Call) -> dict[str, Any]:
    """The arguments as an object. What a model wrote that isn't one is kept as the text it wrote."""
    text = (call.function.arguments or "").strip() or "{}"
    try:
        decoded = msgspec.json.decode(text)
    except msgspec.DecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"arguments": text}


def _signature(call: _Call) -> str | None:
    google = (call.extra_content or {}).get("google")
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None
