"""What a wire format is: pure functions from our vocabulary to a provider's HTTP and back. No sockets here."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from msgspec import Struct

from tritium.chat import ChatRequest, Chunk
from tritium.errors import (
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)


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


class WireFormat(Protocol):
    """One provider dialect."""

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
    elif status >= 500 or status < 400:
        kind = UpstreamUnavailable
    return kind(text, provider=provider, upstream_status=status, retry_after_seconds=retry_after_seconds)
