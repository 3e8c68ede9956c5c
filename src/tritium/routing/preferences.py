"""The request's `provider` object: who may serve it, in which order, at what price. Unknown keys are refused.

Format: OpenRouter's ProviderPreferences.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tritium.chat import ChatRequest
from tritium.closed import closed
from tritium.errors import InvalidRequest

By = Literal["price", "throughput", "latency", "exacto"]
Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"
]
Positive = Annotated[float, Meta(gt=0)]


class Sort(Struct, frozen=True, forbid_unknown_fields=True):
    """`partition = "none"` sorts the endpoints of all `models` together; otherwise fallbacks stay fallbacks."""

    by: By | None = None
    partition: Literal["model", "none"] | None = None


class Cutoffs(Struct, frozen=True, forbid_unknown_fields=True):
    """By percentile; all must hold."""

    p50: Positive | None = None
    p75: Positive | None = None
    p90: Positive | None = None
    p99: Positive | None = None

    def pairs(self) -> list[tuple[int, float]]:
        named = ((50, self.p50), (75, self.p75), (90, self.p90), (99, self.p99))
        return [(percentile, value) for percentile, value in named if value is not None]


class MaxPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars: per million tokens, and per request, image or unit of audio. OpenRouter's clients send strings."""

    prompt: str | float | None = None
    completion: str | float | None = None
    request: str | float | None = None
    image: str | float | None = None
    audio: str | float | None = None

    def cap(self, name: str) -> Decimal | None:
        """Raises InvalidRequest: it is no number of dollars."""
        given = getattr(self, name)
        if given is None:
            return None
        try:
            cap = Decimal(str(given))
        except InvalidOperation:
            cap = Decimal("NaN")
        if not cap.is_finite() or cap < 0:
            raise InvalidRequest(
                f"provider.max_price.{name} is {given!r}; it must be dollars, as 0.5.", param="provider"
            )
        return cap


class Preferences(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What was asked for; None where nothing was."""

    order: list[str] | None = None
    only: list[str] | None = None
    ignore: list[str] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: list[Quantization] | None = None
    sort: By | Sort | None = None
    max_price: MaxPrice | None = None
    preferred_min_throughput: Positive | Cutoffs | None = None
    preferred_max_latency: Positive | Cutoffs | None = None

    @property
    def by(self) -> By | None:
        return self.sort.by if isinstance(self.sort, Sort) else self.sort

    @property
    def across_models(self) -> bool:
        return isinstance(self.sort, Sort) and self.sort.partition == "none"

    @property
    def least_tokens_per_second(self) -> list[tuple[int, float]]:
        return _cutoffs(self.preferred_min_throughput)

    @property
    def most_latency_seconds(self) -> list[tuple[int, float]]:
        return _cutoffs(self.preferred_max_latency)

    @cached_property
    def caps(self) -> dict[str, Decimal]:
        """`max_price`, read."""
        prices = self.max_price
        if prices is None:
            return {}
        caps = {name: prices.cap(name) for name in ("prompt", "completion", "request", "image", "audio")}
        return {name: cap for name, cap in caps.items() if cap is not None}


NONE = Preferences()


def _cutoffs(given: float | Cutoffs | None) -> list[tuple[int, float]]:
    if given is None:
        return []
    return given.pairs() if isinstance(given, Cutoffs) else [(50, given)]


def read_preferences(request: ChatRequest) -> Preferences:
    """The request's.

    Raises:
        InvalidRequest: a key is unknown, or a value can't be; the message says what was meant.
    """
    raw = request.fields.get("provider")
    if raw is None:
        return NONE
    return parse_preferences(msgspec.json.decode(raw))


def parse_preferences(given: Any, *, where: str = "provider") -> Preferences:
    """The same from a decoded object; null is none.

    Raises:
        InvalidRequest: see `read_preferences`.
    """
    if given is None:
        return NONE
    found = closed(Preferences, given, where=where, error=lambda message: InvalidRequest(message, param="provider"))
    _ = found.caps
    return found
