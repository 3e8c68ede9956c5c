"""One model at one provider, and what a choice between such endpoints can rest on."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from tritium.model import Model
from tritium.routing.health import Health
from tritium.routing.limit import Gate


class Endpoint(Struct, frozen=True, eq=False):
    """Where a request can go. Facts that nobody knows are None: a condition on them is not met."""

    model: Model
    provider: str
    health: Health
    names: frozenset[str]
    """What callers may call the provider, as `same_name` makes them."""
    prompt_usd: Decimal | None = None
    """Per million tokens, as the next."""
    completion_usd: Decimal | None = None
    request_usd: Decimal = Decimal(0)
    context_tokens: int | None = None
    quantization: str | None = None
    collects_data: bool | None = None
    """Keeps what it is sent for longer than the request needs, and may learn from it."""
    retains_data: bool | None = None
    """Keeps it at all."""
    ignored: frozenset[str] = frozenset()
    """Parameters that it does without."""
    passes_preferences: bool = False
    """Is itself a router that understands `provider`: what it can't be held to here, it holds to itself."""
    rank: int = 0
    """The lower come first, whatever their price: a model's own vendor before those who sell it on."""
    retries: int = 0
    """Second tries when nobody else is left."""
    gates: tuple[Gate, ...] = ()
    """Behind which `model` is."""

    @property
    def priced(self) -> bool:
        return self.prompt_usd is not None and self.completion_usd is not None

    @property
    def price(self) -> float:
        """Dollars for a million tokens in and a million out: what endpoints are compared by; infinite if unknown."""
        if self.prompt_usd is None or self.completion_usd is None:
            return float("inf")
        return float(self.prompt_usd + self.completion_usd)


def same_name(name: str) -> str:
    """A provider's name without what people write differently: `Google AI Studio`, `google-ai-studio`."""
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == "/")
