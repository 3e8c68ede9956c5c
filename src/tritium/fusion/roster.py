"""What a fusion must know of the models it may ask. The catalogue implements it; fusion never sees a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from tritium.chat import Usage
from tritium.model import Model


class Profile(Struct, frozen=True):
    """One model, as far as a panel cares."""

    model: str
    maker: str
    """Who trained it; two models of one maker agree for worse reasons than two of different ones."""
    strength: float
    """Higher is better; only comparable within one roster."""
    weak: bool = False
    """Too small to judge or to merge what others wrote."""
    accuracies: Mapping[str, float] = {}
    """How often it is right, 0 to 1, by kind of answer (`number`, `option`, ...), where that has been measured."""


class Facts(Struct, frozen=True):
    """What is known of a model before it is asked; None is what nobody knows."""

    inputs: frozenset[str] | None = None
    """`text`, `image`, `audio`, `video`, `file`."""
    tools: bool | None = None
    structured: bool | None = None
    context_tokens: int | None = None


class Pace(Struct, frozen=True):
    """How a model has been answering lately; None where it has not been asked often enough."""

    slow_seconds: float | None = None
    """Nineteen of twenty answers had begun by then."""
    output_tokens: int | None = None
    """The median answer's."""


class Roster(Protocol):
    def resolve(self, name: str) -> Model:
        """The model of that name.

        Raises:
            UnknownModel: there is none.
        """
        ...

    def profile(self, name: str) -> Profile: ...

    def facts(self, name: str) -> Facts: ...

    def ready(self, name: str) -> bool:
        """False while everybody who serves it keeps failing."""
        ...

    def pace(self, name: str) -> Pace: ...

    def reachable(self) -> list[list[str]]:
        """Whom an automatic panel may be made of, by tier: the first tier that has anybody fit is used alone."""
        ...

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        """What such a call would cost; None if the price is unknown."""
        ...
