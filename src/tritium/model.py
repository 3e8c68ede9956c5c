"""A model is anything that answers a chat request: a provider's model, a fallback chain, a fusion. They nest.

Rules: open, then stream. Failing to open is recoverable; once chunks flow we are committed.
A call is passed down, never reached for; what it cost is settled once, when its context is left.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tritium.chat import ChatRequest, Chunk, Usage

Answer = AbstractAsyncContextManager[AsyncIterator[Chunk]]

Role = Literal["solo", "seat", "judge", "synthesizer", "repair", "embedding", "rerank"]
"""What a provider call was for."""

Outcome = Literal["ok", "failed", "cancelled", "timeout"]


class Model(Protocol):
    """Anything that answers."""

    @property
    def id(self) -> str: ...

    def answer(self, request: ChatRequest, call: Call) -> Answer:
        """Open an answer.

        Raises:
            RequestError, UpstreamError: while opening; a later failure comes out of the iterator.
        """
        ...


class Generation(Struct, frozen=True):
    """One provider call: the row behind every figure. Latencies in milliseconds, cost in nano-dollars.

    `cost_nanodollars` is None when the price is unknown, never 0.
    """

    id: str
    request_id: str
    """The call the caller made; equal to `id` for a plain request."""
    model: str
    provider: str
    role: Role
    created_at: float
    """Unix seconds."""
    usage: Usage
    cost_nanodollars: int | None
    outcome: Outcome
    finish_reason: str | None
    streamed: bool
    first_token_ms: float | None
    latency_ms: float
    error: str | None = None
    caller: str = "local"
    status: int | None = None
    """The provider's HTTP status, or what ours would be where it gave none; None of a call that was cut short."""
    output_nanodollars: int | None = None
    """What of the cost is for the output; None where that can't be told. Kept only while the request lasts."""


class Recorder(Protocol):
    """Where what happened is written; must not block and must not lose."""

    def generation(self, row: Generation) -> None: ...

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        """Keep a fusion's run; `document` is its JSON."""
        ...


class Permit(Protocol):
    """What a caller may still do: asked before each provider call, told after it."""

    @property
    def prompt(self) -> bool:
        """Whether `hold` answers at once; otherwise what it returns has to be awaited."""
        ...

    def hold(
        self,
        call: Call,
        model: str,
        provider: str,
        asked: ChatRequest | Usage,
        price: Callable[[Usage], int | None],
    ) -> Any:
        """Set aside what the call may cost; `asked` is the request, or at most so many tokens.

        Raises:
            PermissionDenied: the caller may not have this model or provider asked.
            BudgetExceeded: what the call may cost isn't left.
            LimitsUnknown: whether it is left can't be told.
        """
        ...

    def settle(self, hold: Any, row: Generation) -> None:
        """The call is over, and `row` is written. Exactly once for each hold."""
        ...


class Call(Struct, frozen=True):
    """One request on its way down: who asks, what for, how deep, until when, and where it is written down."""

    id: str
    recorder: Recorder
    request_id: str
    caller: str = "local"
    role: Role = "solo"
    depth: int = 0
    deadline: float | None = None
    """`time.monotonic()` seconds."""
    permit: Permit | None = None
    """None where nothing limits the caller."""

    def child(self, role: Role, *, recorder: Recorder | None = None, deadline: float | None = None) -> Call:
        """A sub-call of this one: own id, same request, one level deeper."""
        return replace(
            self,
            id=new_id(),
            role=role,
            depth=self.depth + 1,
            recorder=recorder or self.recorder,
            deadline=min(filter(None, (deadline, self.deadline)), default=None),
        )

    def counted_by(self, recorder: Recorder) -> Call:
        """The same call, written down there."""
        return replace(self, recorder=recorder)


def new_id(prefix: str = "gen") -> str:
    """OpenRouter's form: `gen-<unix seconds>-<random>`. Unique, and no secret: the kernel's randomness costs 10 µs."""
    return f"{prefix}-{int(time.time())}-{random.getrandbits(64):016x}"


def new_call(
    recorder: Recorder,
    *,
    caller: str = "local",
    deadline_seconds: float | None = None,
    permit: Permit | None = None,
) -> Call:
    """The call at the top of a request."""
    call_id = new_id()
    deadline = None if deadline_seconds is None else time.monotonic() + deadline_seconds
    return Call(call_id, recorder, call_id, caller, deadline=deadline, permit=permit)
