"""What a wire format is: pure functions from our vocabulary to a provider's HTTP and back. No sockets here."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from msgspec import Struct, field

from tritium.chat import ChatRequest, Chunk
from tritium.errors import (
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tritium.providers.controls import Effort
from tritium.providers.sse import Event


class ModelQuirks(Struct, frozen=True, forbid_unknown_fields=True):
    """Where models of a vendor differ from its others."""

    models: tuple[str, ...]
    """Patterns of their names in lower case, with `*`, `?` and `[...]`."""
    but: tuple[str, ...] = ()
    """Patterns of those that are not meant."""
    drop: tuple[str, ...] = ()
    """Fields that they answer with a 400."""
    drop_thinking: tuple[str, ...] = ()
    """The same, but only when they are told to think."""
    efforts: tuple[Effort, ...] | None = None
    """Values of `reasoning_effort` that they know."""
    effort_with_tools: Effort | None = None
    """The one effort at which they take tools."""
    tool_choices: tuple[str, ...] | None = None
    """Values of `tool_choice` that they know; any other is left to them to decide."""
    thinking_switch: bool = False
    """Not to think is said by `thinking: {"type": "disabled"}`."""


class Quirks(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a vendor departs from the format it otherwise speaks."""

    max_tokens: str = "max_tokens"
    """The vendor's name for the output cap."""
    top_n: str = "top_n"
    """The vendor's name for how many results a rerank gives."""
    stream_options: bool = True
    """Takes `stream_options: {include_usage: true}`."""
    developer_role: bool = False
    """Knows the `developer` role; others get `system`."""
    marks_prefill: bool = False
    """Wants `prefix: true` on a last message of the assistant's, which it is to continue."""
    drop: tuple[str, ...] = ()
    """Fields the vendor answers with a 400."""
    openrouter_fields: bool = False
    """Understands OpenRouter's own fields (`provider`, `plugins`, `models`, `reasoning`, ...)."""
    reasoning_content: bool = False
    """Wants its thoughts back with the next turn, under this name."""
    rename: dict[str, str] = field(default_factory=dict)
    """Fields that have another name there."""
    names: bool = True
    """Takes the `name` of who speaks."""
    call_id_length: int | None = None
    """Takes ids of calls of so many letters and digits only."""
    alternate: bool = False
    """Wants one system message, at the start, then user and assistant by turns."""
    prefill: bool = True
    """Takes a last message of the assistant's."""
    path: str = "/chat/completions"
    """Below the base URL; `{model}` stands for the model's name."""
    key_header: str | None = None
    """The header for the key, if that isn't `Authorization: Bearer`."""
    models: tuple[ModelQuirks, ...] = ()


class WireRequest(NamedTuple):
    path: str
    """Appended to the endpoint's base URL."""
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Reader(Protocol):
    """Reads one answer; made anew for each."""

    done: bool
    """True once the format says that the answer has ended; a stream that stops before was cut off."""

    over: bool
    """True once the format's last event has come: nothing can follow it."""

    def complete(self, body: bytes) -> Chunk:
        """A whole, unstreamed answer as one chunk."""
        ...

    def event(self, data: bytes, name: str | None) -> Chunk | None:
        """One server-sent event; None if it holds nothing of the answer.

        Raises:
            UpstreamError: the event reports a failure.
        """
        ...


class Framing(Protocol):
    """Cuts one streamed answer into events; made anew for each."""

    content_type: ClassVar[bytes]
    """What a response's content type holds if it is framed so."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with `data`.

        Raises:
            BrokenStream: the bytes are not of this framing.
        """
        ...

    def flush(self) -> list[Event]:
        """The event that the end of the stream cut off, if there is something of it to be read."""
        ...


class WireFormat(Protocol):
    """One provider dialect."""

    @property
    def framing(self) -> type[Framing]: ...

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest: ...

    def reader(self, provider: str) -> Reader: ...

    def error_message(self, body: bytes) -> str | None:
        """What the provider's error body says, in its own words."""
        ...


def error_for_status(
    provider: str, status: int, message: str, retry_after_seconds: float | None = None
) -> UpstreamError:
    """A provider's error status as one of ours."""
    text = f"{provider} answered {status}: {message}"
    if status in (401, 403):
        text = f"{provider} refused the configured key ({status}: {message}). Check the key's value and its rights."
    kind: type[UpstreamError] = UpstreamRejected
    if status == 429:
        kind = UpstreamRateLimited
    elif status in (408, 504, 524):
        kind = UpstreamTimeout
    elif status in (503, 529):
        kind = UpstreamOverloaded
    elif status >= 500 or status < 400 or status == 424:  # Bedrock's, for a model that failed
        kind = UpstreamUnavailable
    return kind(text, provider=provider, upstream_status=status, retry_after_seconds=retry_after_seconds)
