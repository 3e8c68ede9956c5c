"""The one vocabulary inside: OpenAI's chat shapes, typed where we look and byte for byte where we don't.

Invariant: a field nobody here knows travels through unchanged. A request keeps its raw fields beside the typed view;
a chunk keeps the provider's own JSON beside what was read from it.
Format: OpenAI's chat completions reference, with OpenRouter's `reasoning` and `usage.cost` extensions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from tritium.errors import InvalidRequest

# ---------------------------------------------------------------- request


class ContentPart(Struct, omit_defaults=True):
    """One part of a message's content: `text`, `image_url`, `file`, `input_audio`, ..."""

    type: str
    text: str | None = None
    image_url: Any = None
    file: Any = None
    input_audio: Any = None
    refusal: str | None = None


class FunctionCall(Struct, omit_defaults=True):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct, omit_defaults=True):
    """A call of a function; in a chunk only `index` and the pieces that are new."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None


class Message(Struct, omit_defaults=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        """The message's text parts, joined."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class ChatBody(Struct):
    """The fields of a request that somebody here reads; all others stay raw."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    stream_options: dict[str, Any] | None = None
    logprobs: bool | None = None
    reasoning_effort: str | None = None
    reasoning: dict[str, Any] | None = None
    plugins: list[dict[str, Any]] | None = None
    fusion: dict[str, Any] | None = None


_decode_body = msgspec.json.Decoder(ChatBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode
_TAKEN_AS_GIVEN = frozenset((
    "model", "stream", "stream_options", "temperature", "seed", "max_tokens", "max_completion_tokens", "plugins",
    "fusion",
))  # fmt: skip
"""Fields whose typed view is the very value they are replaced with, so that nothing has to be read anew."""


_TRUE = Raw(b"true")

NON_TEXT_PART_BYTES = 4_000
"""What an image, a file or a recording counts for where tokens are estimated from a prompt's size."""


class ChatRequest:
    """A chat request: `fields` is everything the caller sent, `body` the typed view of it. Immutable by convention."""

    __slots__ = ("_body", "fields")

    def __init__(self, fields: dict[str, Raw], body: ChatBody | None = None) -> None:
        self.fields = fields
        self._body = body

    @classmethod
    def decode(cls, data: bytes) -> ChatRequest:
        """Read and check a body.

        Raises:
            InvalidRequest: the body is not JSON, or a field has the wrong type or range; `param` names the field.
        """
        try:
            return cls(_decode_fields(data), _decode_body(data))
        except msgspec.ValidationError as error:
            named = _with_model(data)
            if named is None:
                raise invalid_field(error) from None
            return cls.decode(named)
        except UNREADABLE as error:
            raise unreadable(error) from None

    @classmethod
    def build(cls, model: str, messages: Sequence[Mapping[str, Any] | Message], **parameters: Any) -> ChatRequest:
        """A request made here rather than received."""
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            data = _encode({"model": model, "messages": messages, **given})
        except UnicodeEncodeError:
            raise InvalidRequest("The text is not valid Unicode; send it as UTF-8.", param="messages") from None
        return cls.decode(data)

    @property
    def body(self) -> ChatBody:
        if self._body is None:
            self._body = _decode_body(_encode(self.fields))
        return self._body

    @property
    def model(self) -> str:
        return self.body.model

    @property
    def streaming(self) -> bool:
        if self._body is None:
            return self.fields.get("stream") == _TRUE
        return bool(self._body.stream)

    @property
    def output_limit(self) -> int | None:
        """The caller's cap on output tokens, whichever of the two names it came by."""
        return self.body.max_completion_tokens or self.body.max_tokens

    def replace(self, **changes: Any) -> ChatRequest:
        """A copy with fields set; `None` removes one."""
        fields = dict(self.fields)
        for name, value in changes.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = Raw(_encode(value))
        body = self._body
        known = body is not None and changes.keys() <= _TAKEN_AS_GIVEN
        return ChatRequest(fields, msgspec.structs.replace(body, **changes) if body is not None and known else None)

    def encode(self, **changes: Any) -> bytes:
        """The body as JSON with fields set; `None` removes one."""
        if not changes:
            return _encode(self.fields)
        fields: dict[str, Any] = dict(self.fields)
        for name, value in changes.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        return _encode(fields)

    @property
    def prompt_bytes(self) -> int:
        """The prompt's size for estimates: the JSON of messages and tools, an image, file or recording counted as a
        thousand tokens of text.

        What such a part is encoded to says nothing of what it costs.
        """
        size = len(self.fields["messages"]) + len(self.fields.get("tools", b""))
        for message in self.body.messages:
            if isinstance(message.content, list):
                for part in message.content:
                    if part.text is None:
                        size += NON_TEXT_PART_BYTES - len(_encode(part))
        return max(size, 0)

    def system_text(self) -> str:
        """The system and developer messages, joined."""
        return "\n\n".join(each.text() for each in self.body.messages if each.role in ("system", "developer"))

    def question(self) -> str:
        """The last user message's text."""
        return next((each.text() for each in reversed(self.body.messages) if each.role == "user"), "")


def _with_model(data: bytes) -> bytes | None:
    """The same request with the model that its `preset` or the first of its `models` stands for; None if it has one."""
    try:
        fields = _decode_fields(data)
        preset = msgspec.json.decode(fields.get("preset", Raw(b"null")), type=str | None)
        models = msgspec.json.decode(fields.get("models", Raw(b"null")), type=list[str] | None)
    except msgspec.ValidationError:
        return None
    model = f"@preset/{preset.removeprefix('@preset/')}" if preset else next(iter(models or ()), None)
    if model is None or "model" in fields:
        return None
    return _encode({**fields, "model": model})


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a body raises; `unreadable` says it to the caller."""


def unreadable(error: Exception) -> InvalidRequest:
    """What is wrong with a body that can't be read, in any dialect."""
    if isinstance(error, msgspec.ValidationError):
        return invalid_field(error)
    if isinstance(error, RecursionError):
        return InvalidRequest("The body is nested too deeply. Send flatter JSON.")
    return InvalidRequest(f"The body is not valid JSON: {error}. Send one JSON object.")


def invalid_field(error: msgspec.ValidationError) -> InvalidRequest:
    """`Expected `int`, got `str` - at `$.max_tokens`` as a message for people, with the field's name."""
    what, _, path = str(error).partition(" - at `$")
    param = path.strip("`").lstrip(".") or None
    if "missing required field `" in what:
        name = what.rpartition("field `")[2].strip("`")
        where = f" in {param!r}" if param else ""
        return InvalidRequest(f"The required field {name!r} is missing{where}.", param=param or name)
    if param == "messages" and "length" in what:
        return InvalidRequest("'messages' is empty: send at least one message.", param=param)
    where = f" at {param!r}" if param else ""
    return InvalidRequest(f"Invalid value{where}: {what[0].lower()}{what[1:]}.", param=param)


# ---------------------------------------------------------------- answer


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one provider call (OpenTelemetry GenAI's split), and what the provider says it charged, if it does.

    `input` counts all prompt tokens, cache reads and writes among them; `output` all completion tokens,
    reasoning among them. `cost_usd` is the provider's own figure. `estimated` is true when the provider never said,
    as after a cancelled call, and the counts are ours.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_usd: Decimal | None = None
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        both = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            (self.cost_usd or Decimal(0)) + (other.cost_usd or Decimal(0)) if both else None,
            self.estimated or other.estimated,
        )


class Delta(Struct, omit_defaults=True):
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    """OpenRouter's: what a vendor wants back unchanged with the next turn, signatures and all."""
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(Struct, omit_defaults=True):
    index: int = 0
    delta: Delta = msgspec.field(default_factory=Delta)
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class Chunk(Struct):
    """A piece of an answer.

    `raw` is the provider's own OpenAI-shaped JSON where it spoke that dialect: a `chat.completion.chunk`, or the whole
    `chat.completion` when `complete` is set. `usage` is cumulative: the last one seen is the truth.
    `event` is a fusion's progress (a seat began, said something, ended, ...): no text of the answer.
    """

    choices: list[Choice] = msgspec.field(default_factory=list)
    usage: Usage | None = None
    raw: bytes | None = None
    complete: bool = False
    event: Any = None
    model: str | None = None
    provider: str | None = None

    @property
    def text(self) -> str:
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason if self.choices else None


def text_chunk(text: str, finish_reason: str | None = None, usage: Usage | None = None) -> Chunk:
    """A chunk of plain text, for models that don't speak OpenAI's dialect themselves."""
    return Chunk([Choice(0, Delta(content=text), finish_reason)], usage)


class Completion(Struct):
    """A whole answer, put together from its chunks (choice 0)."""

    text: str = ""
    reasoning: str = ""
    reasoning_details: list[dict[str, Any]] = msgspec.field(default_factory=list)
    tool_calls: list[ToolCall] = msgspec.field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    provider: str | None = None
    refusal: str = ""
    native_finish_reason: str | None = None

    def add(self, chunk: Chunk) -> None:
        """Take one more chunk in."""
        if chunk.usage is not None:
            self.usage = chunk.usage
        self.model = chunk.model or self.model
        self.provider = chunk.provider or self.provider
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            delta = choice.delta
            self.text += delta.content or ""
            self.reasoning += delta.reasoning or delta.reasoning_content or ""
            self.reasoning_details += delta.reasoning_details or ()
            self.refusal += delta.refusal or ""
            self.finish_reason = choice.finish_reason or self.finish_reason
            self.native_finish_reason = choice.native_finish_reason or self.native_finish_reason
            for call in delta.tool_calls or ():
                merge_call(self.tool_calls, call)


def merge_call(calls: list[ToolCall], piece: ToolCall) -> None:
    """Calls arrive in pieces keyed by `index`; a whole call without one is a call of its own."""
    known = next((call for call in calls if piece.index is not None and call.index == piece.index), None)
    if known is None:
        function = piece.function or FunctionCall()
        fresh = FunctionCall(function.name or "", function.arguments or "")
        calls.append(ToolCall(piece.index, piece.id, piece.type or "function", fresh))
        return
    known.id = known.id or piece.id
    if piece.function is not None and known.function is not None:
        known.function.name = known.function.name or piece.function.name
        known.function.arguments = (known.function.arguments or "") + (piece.function.arguments or "")


async def collect(chunks: AsyncIterator[Chunk]) -> Completion:
    """Read an answer to its end."""
    completion = Completion()
    async for chunk in chunks:
        completion.add(chunk)
    return completion


# ---------------------------------------------------------------- the wire's usage object


class _PromptDetails(Struct):
    cached_tokens: Any = None
    cache_write_tokens: Any = None


class _CompletionDetails(Struct):
    reasoning_tokens: Any = None


class WireUsage(Struct):
    """OpenAI's `usage`, with OpenRouter's `cost`. Of any type: a good answer is not refused for a bad count."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: Any = None
    """DeepSeek's name for cached input."""
    cost: Any = None

    def read(self) -> Usage:
        """In our words; a count or a cost that can't be true is not believed."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input=_count(self.prompt_tokens),
            output=_count(self.completion_tokens),
            cache_read=_count((prompt and prompt.cached_tokens) or self.prompt_cache_hit_tokens),
            cache_write=_count(prompt and prompt.cache_write_tokens),
            reasoning=_count(completion and completion.reasoning_tokens),
            cost_usd=_dollars(self.cost),
        )


_MOST_TOKENS = 2**40
_MOST_DOLLARS = 1_000_000


def _count(tokens: Any) -> int:
    """A number of tokens, also as a gateway in JavaScript or Lua writes it (`12.0`); 0 unless it is a sane one."""
    if tokens is None:
        return 0
    if isinstance(tokens, bool) or not isinstance(tokens, int | float) or not 0 <= tokens <= _MOST_TOKENS:
        return 0
    return int(tokens)


def _dollars(cost: Any) -> Decimal | None:
    """Dollars as the provider wrote them; None unless it is a sane number."""
    if cost is None or isinstance(cost, bool):
        return None
    try:
        found = Decimal(str(cost))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= _MOST_DOLLARS else None


class _WireChoice(Struct, omit_defaults=True):
    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class _WireAnswer(Struct):
    model: str | None = None
    choices: list[_WireChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None


_decode_answer = msgspec.json.Decoder(_WireAnswer).decode


def _mended(answer: Any) -> Any:
    """A good answer with details of another shape: usage that is no object, content as a list of parts (Mistral)."""
    if not isinstance(answer, dict):
        return answer
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        answer["usage"] = None
    else:
        for name in ("prompt_tokens_details", "completion_tokens_details"):
            if not isinstance(usage.get(name), dict):
                usage[name] = None
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        for name in ("delta", "message"):
            said = choice.get(name) if isinstance(choice, dict) else None
            if isinstance(said, dict) and isinstance(said.get("content"), list):
                parts = said["content"]
                said["content"] = "".join(_text_of(part) for part in parts if not _is_thought(part))
                said.setdefault("reasoning", "".join(_text_of(part) for part in parts if _is_thought(part)) or None)
    return answer


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "thinking"


def _text_of(part: Any) -> str:
    """A part's text; a thought holds parts of its own."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    inner = part.get("thinking", part.get("text", ""))
    return "".join(_text_of(each) for each in inner) if isinstance(inner, list) else str(inner or "")


def read_answer(data: bytes, *, complete: bool) -> tuple[Chunk, Any]:
    """An OpenAI-shaped chunk or completion as a Chunk, and its `error` object, if it carries one.

    Raises:
        msgspec.MsgspecError: it is not JSON, or not of that shape.
    """
    try:
        wire = _decode_answer(data)
    except msgspec.ValidationError:
        wire = msgspec.convert(_mended(msgspec.json.decode(data)), _WireAnswer)
    except (UnicodeDecodeError, RecursionError) as fault:  # not msgspec's own, and no better an answer
        raise msgspec.DecodeError(str(fault)) from None
    choices = [
        Choice(each.index, each.delta or each.message or Delta(), each.finish_reason, each.native_finish_reason)
        for each in wire.choices or ()
    ]
    usage = wire.usage.read() if wire.usage is not None else None
    return Chunk(choices, usage, data, complete, None, wire.model), wire.error
