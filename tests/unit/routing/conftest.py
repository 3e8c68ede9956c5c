"""Endpoints of scripted models, a clock that a test moves, and rows as a settled call leaves them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest, Usage
from tritium.ledger.prices import FREE
from tritium.model import Generation, Outcome
from tritium.providers.scripted import ScriptedSource
from tritium.providers.upstream import Upstream
from tritium.routing.endpoint import Endpoint, same_name
from tritium.routing.health import Breaker, Health


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def row() -> Callable[..., Generation]:
    def make(
        outcome: Outcome = "ok",
        *,
        latency_ms: float = 1000,
        first_token_ms: float | None = None,
        output: int = 10,
        streamed: bool = False,
    ) -> Generation:
        return Generation(
            id="g",
            request_id="g",
            model="m",
            provider="p",
            role="solo",
            created_at=0.0,
            usage=Usage(1, output),
            cost_nanodollars=0,
            outcome=outcome,
            finish_reason="stop",
            streamed=streamed,
            first_token_ms=first_token_ms,
            latency_ms=latency_ms,
        )

    return make


@pytest.fixture
def endpoint(clock) -> Callable[..., Endpoint]:
    """`endpoint("acme", price=3, script="error=500", ...)`; `price` is for input and output together."""

    def make(provider: str, script: str = "ok", price: float | None = 2, **facts: Any) -> Endpoint:
        health = facts.pop("health", None) or Health(Breaker(failures=2), clock)
        half = None if price is None else Decimal(str(price)) / 2
        model = Upstream(
            f"{provider}/m", provider=provider, name=script, source=ScriptedSource(), prices=FREE, watch=health
        )
        fields = {"names": frozenset((same_name(provider),)), "prompt_usd": half, "completion_usd": half}
        return Endpoint(**{"model": model, "provider": provider, "health": health, **fields, **facts})

    return make


@pytest.fixture
def asking() -> Callable[..., ChatRequest]:
    """A request for any model, with those fields."""

    def make(**fields: Any) -> ChatRequest:
        return ChatRequest.build("m", [{"role": "user", "content": "Hi"}], **fields)

    return make
