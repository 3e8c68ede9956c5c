"""What a fusion must know of the models it may ask. The catalogue implements it; fusion never sees a vendor."""

from __future__ import annotations

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


class Roster(Protocol):
    def resolve(self, name: str) -> Model:
        """The model of that name.

        Raises:
            UnknownModel: there is none.
        """
        ...

    def profile(self, name: str) -> Profile: ...

    def automatic_panel(self) -> list[str]:
        """Two or three good, reachable models of different makers, strongest first; empty if nothing is reachable."""
        ...

    def cost_nanodollars(self, name: str, usage: Usage) -> int | None:
        """What such a call would cost; None if the price is unknown."""
        ...
