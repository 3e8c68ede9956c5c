"""What is known of a model before it is asked is what those who serve it are known for, and what they did lately."""

from __future__ import annotations

from typing import Any

from tritium.catalog.capabilities import UNKNOWN, Capabilities
from tritium.catalog.scout import ENOUGH
from tritium.chat import Usage
from tritium.errors import UpstreamUnavailable
from tritium.fusion.roster import Facts, Pace
from tritium.model import Generation
from tritium.routing.health import Health

from .test_catalog import catalog, shelf

SEES = Capabilities(frozenset(("tools", "structured")), inputs=("text", "image"))


def row(latency_ms: float = 100.0, **changes: Any) -> Generation:
    fields: dict[str, Any] = {
        "request_id": "gen-0", "model": "acme/m", "provider": "acme", "role": "solo", "created_at": 1.0,
        "usage": Usage(10, 20), "cost_nanodollars": 1, "outcome": "ok", "finish_reason": "stop", "streamed": True,
        "first_token_ms": latency_ms, "latency_ms": 2 * latency_ms, **changes,
    }  # fmt: skip
    return Generation("gen-1", **fields)


def health(names: Any, model: str = "acme/m") -> Health:
    (endpoint,) = names.endpoints(model)
    return endpoint.health


def test_abilities_are_the_shelfs():
    names = catalog(shelf("acme", "m", capabilities=lambda _: SEES))

    assert names.facts("acme/m") == Facts(
        frozenset(("text", "image")), tools=True, structured=True, context_tokens=1000
    )


def test_what_nobody_said_is_unknown_and_not_no():
    names = catalog(shelf("acme", "m", capabilities=lambda _: UNKNOWN.without(("tools",))))

    assert names.facts("acme/m") == Facts(context_tokens=1000)
    assert names.facts("a-fusion-or-nobody") == Facts()


def test_a_model_is_ready_until_its_circuit_opens():
    names = catalog(shelf("acme", "m"))
    assert names.ready("acme/m")

    health(names).settled(row(outcome="failed"), UpstreamUnavailable("down", provider="acme", retry_after_seconds=60))

    assert not names.ready("acme/m")
    assert names.automatic_panel() == ["acme/m"]


def test_a_pace_is_told_after_twenty_answers():
    names, other = catalog(shelf("acme", "m")), catalog(shelf("acme", "m"))
    for _ in range(ENOUGH - 1):
        health(names).settled(row(), None)
        health(other).settled(row(), None)
    health(other).settled(row(500.0, usage=Usage(10, 9000)), None)

    assert names.pace("acme/m") == Pace()
    assert other.pace("acme/m") == Pace(0.5, 20)
