"""Who serves a model's name: the provider it begins with, those who sell it on, and the routes of the configuration.

anthropic/claude-opus-5-5     the vendor's own row first; then OpenRouter, which knows it by the same name
google/gemini-4-argon         the author as OpenRouter writes it: our row `gemini`
groq/openai/gpt-oss-120b      that provider and no other; but `openai/gpt-oss-120b` finds groq, which lists it
ollama/llama3:8b              a server of the user's own is never replaced by somebody else
.../...:floor                 a variant: the same endpoints in another order, or fewer of them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, get_args

from msgspec import Struct

from tritium.catalog.shelf import Shelf
from tritium.errors import InvalidRequest, NoEndpoint
from tritium.model import Model
from tritium.providers.upstream import Upstream
from tritium.routing.balance import Balanced
from tritium.routing.endpoint import Endpoint, same_name
from tritium.routing.health import Breaker, Health
from tritium.routing.limit import Limited
from tritium.routing.sessions import Sessions
from tritium.shared import Cooldowns

REMEMBERED = 10_000
"""Names that nobody lists and are kept all the same; a caller who invents names must not fill the memory."""

Variant = Literal["floor", "nitro", "exacto", "free", "online", "thinking", "extended"]
_VARIANTS: dict[str, Variant] = {name: name for name in get_args(Variant)}
_SORTS: dict[Variant, Literal["price", "throughput", "exacto"]] = {
    "floor": "price",
    "nitro": "throughput",
    "exacto": "exacto",
}
_ELSEWHERE: dict[Variant | None, str] = {
    "online": "needs a web search, and none is configured here",
    "extended": "is a model of its own with a longer context, which only OpenRouter has",
}
"""Variants that nobody but a router behind us can give."""


class Policy(Struct, frozen=True):
    """What happens when an endpoint fails."""

    breaker: Breaker = Breaker()
    retries: int = 0
    """Only of providers reached over a network."""


class Slugs:
    """Names to balanced models, each made once."""

    def __init__(
        self,
        shelves: Mapping[str, Shelf],
        routes: Mapping[str, Sequence[str]],
        policy: Policy,
        own_names: frozenset[str] = frozenset(),
        cooldowns: Cooldowns | None = None,
    ) -> None:
        """`own_names`: providers that may be off, whose models nobody else serves, as a server on this machine."""
        self._shelves = shelves
        self.routes = routes
        self._policy = policy
        self._cooldowns = cooldowns
        self._own_names = own_names
        self._made: dict[str, Balanced] = {}
        self._sessions = Sessions()
        self._health: dict[tuple[str, str], Health] = {}

    def find(self, name: str) -> Balanced | None:
        """The model of that name; None if nobody serves it.

        Raises:
            NoEndpoint, InvalidRequest: somebody does, but not in this variant.
        """
        return self._made.get(name) or self._make(name)

    def endpoints(self, name: str) -> Sequence[Endpoint]:
        """Who serves it, in no order; empty if nobody does."""
        found = self.find(name)
        return found.endpoints if found is not None else ()

    def _make(self, name: str) -> Balanced | None:
        base, variant = self._split(name)
        endpoints = self._of_variant(base, variant, list(self._serving(base, name)))
        if not endpoints:
            return None
        sort = _SORTS.get(variant) if variant else None
        made = Balanced(name, endpoints, sort=sort, thinks=variant == "thinking", sessions=self._sessions)
        if len(self._made) < REMEMBERED or any(self._lists(each) for each in (name, base)):
            self._made[name] = made
        return made

    def _split(self, name: str) -> tuple[str, Variant | None]:
        """The name without its variant. Providers whose own names have colons keep them, as do names they list."""
        base, _, suffix = name.rpartition(":")
        variant = _VARIANTS.get(suffix)
        shelf = self._shelves.get(name.partition("/")[0])
        if variant is None or not base or self._lists(name):
            return name, None
        if not (shelf is None or shelf.public or self._lists(base)):
            return name, None
        return base, variant

    def _lists(self, name: str) -> bool:
        provider, _, model = name.partition("/")
        shelf = self._shelves.get(provider)
        return name in self.routes or (shelf is not None and model in shelf.models)

    # ------------------------------------------------------------ who

    def _serving(self, base: str, name: str) -> Iterator[Endpoint]:
        if base in self.routes:
            for each in self.routes[base]:
                yield from self._serving(each, each)
            return
        author, slash, model = base.partition("/")
        if not slash or not model:
            return
        own = self._shelves.get(author)
        if own is not None and (own.open_ended or model in own.models):
            yield self._endpoint(own, base, _told(own, base, model))
        if author not in self._own_names and (own is None or own.public):
            yield from self._elsewhere(author, base, name)

    def _elsewhere(self, author: str, base: str, name: str) -> Iterator[Endpoint]:
        """Others than the provider whose name it is."""
        for shelf in self._shelves.values():
            if shelf.provider == author:
                continue
            if shelf.sells_on:
                yield self._endpoint(shelf, base, name, rank=1)
            elif author in shelf.authors:
                yield self._endpoint(shelf, base, base.partition("/")[2])
            elif base in shelf.models:
                yield self._endpoint(shelf, base, base, rank=1)

    def _endpoint(self, shelf: Shelf, slug: str, name: str, rank: int = 0) -> Endpoint:
        prices = shelf.prices(name)
        health = self.health(shelf.provider, name)
        upstream = Upstream(slug, provider=shelf.provider, name=name, source=shelf.source, prices=prices, watch=health)
        gates = shelf.gates(name)
        model: Model = Limited(upstream, gates) if gates else upstream
        return Endpoint(
            model=model,
            provider=shelf.provider,
            health=health,
            names=frozenset(map(same_name, (shelf.provider, shelf.title or shelf.provider, *shelf.authors))),
            prompt_usd=None if prices is None else prices.input,
            completion_usd=None if prices is None else prices.output,
            request_usd=Decimal(0) if prices is None else prices.request,
            context_tokens=shelf.context_tokens(name),
            quantization=shelf.quantization,
            collects_data=shelf.collects_data,
            retains_data=shelf.retains_data,
            ignored=shelf.ignored(name),
            passes_preferences=shelf.sells_on,
            rank=rank,
            retries=self.retries(shelf),
            gates=gates,
        )

    def retries(self, shelf: Shelf) -> int:
        """Second tries, where they can help."""
        return self._policy.retries if shelf.remote else 0

    def health(self, provider: str, name: str) -> Health:
        """One per provider's model, whatever names lead to it."""
        found = self._health.get((provider, name))
        if found is None:
            found = Health(self._policy.breaker, elsewhere=self._cooldowns, name=f"{provider}/{name}")
            if len(self._health) < REMEMBERED:
                self._health[provider, name] = found
        return found

    # ------------------------------------------------------------ variants

    @staticmethod
    def _of_variant(base: str, variant: Variant | None, endpoints: list[Endpoint]) -> list[Endpoint]:
        if not endpoints:
            return endpoints
        if variant in _ELSEWHERE:
            able = [endpoint for endpoint in endpoints if endpoint.passes_preferences]
            if not able:
                raise InvalidRequest(
                    f"{base}:{variant} {_ELSEWHERE[variant]}. Ask for {base}, or have OpenRouter serve it by setting "
                    "its key.",
                    param="model",
                )
            return able
        if variant == "thinking":
            able = [each for each in endpoints if each.passes_preferences or "reasoning" not in each.ignored]
            if not able:
                raise InvalidRequest(
                    f"{base} is known not to reason, so there is no {base}:thinking. Ask for {base}, or for a model "
                    "that has 'reasoning' among its supported_parameters.",
                    param="model",
                )
            return able
        if variant == "free":
            able = [endpoint for endpoint in endpoints if endpoint.passes_preferences or endpoint.price == 0]
            if not able:
                error = NoEndpoint(f"No endpoint of {base} is known to be free.", param="model")
                error.availability = {
                    "code": "no_endpoints",
                    "retryable": False,
                    "requested_models": [f"{base}:free"],
                    "fallback_models": [base],
                }
                raise error
            return able
        return endpoints


def _told(shelf: Shelf, slug: str, model: str) -> str:
    """What the provider is told. A router's own models, as `openrouter/auto`, go by their whole name there."""
    return slug if shelf.sells_on and "/" not in model else model
