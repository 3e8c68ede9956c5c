"""The automatic panel: of the models within reach, up to three that are good, able, affordable and of several makers.

Only those within ten points of the best are asked: a panel gains by difference and loses by weakness (literature on
mixtures of agents: one strong model asked several times beats a mixture with weak ones). Embedded models are the
exception: their quality was measured on another scale, and all of them are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field

from tritium.chat import Usage
from tritium.errors import InvalidRequest
from tritium.fusion.needs import Needs, cannot_do
from tritium.fusion.roster import Profile, Roster

SEATS = 3
BENCH = 3
WITHIN = 0.10
"""Of strength, below the best."""
USUAL_OUTPUT_TOKENS = 500
"""An answer's, of a model that has not been asked yet: what chat answers come to in the median, rounded up."""
_SHOWN = 5
"""Of those passed over, in the reasons."""


class PriceCap(Struct, frozen=True):
    """What a seat may be expected to cost."""

    usd: float | None = None
    ratio: float | None = None
    """Times what the best model costs."""


class Choice(Struct, frozen=True):
    """Who is asked, and who is asked if one of them fails; both strongest first. Empty if nobody is within reach."""

    names: list[str] = field(default_factory=list)
    bench: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class _Passed(Struct, frozen=True):
    profile: Profile
    why: str


def choose_panel(
    roster: Roster, needs: Needs | None = None, cap: PriceCap | None = None, *, cheap: bool = False
) -> Choice:
    """Choose from the first tier that has anybody fit; `cheap`: the best, and the cheapest of those near it.

    Raises:
        InvalidRequest: there are models, and none can do what the request needs, or none is cheap enough.
    """
    needs, cap = needs or Needs(), cap or PriceCap()
    tiers = [_ranked(roster, names) for names in roster.reachable()]
    for failing in (False, True):  # who keeps failing is asked only if there is nobody else
        passed: list[_Passed] = []
        for tier in tiers:
            search = _Search(roster, needs, cap, failing=failing)
            if fit := search.fit(tier):
                return _choice(fit, search.passed, search.price if cheap else None, failing=failing)
            passed += search.passed
    if any(tiers):
        why = "; ".join(f"{each.profile.model}: {each.why}" for each in passed[:_SHOWN])
        raise InvalidRequest(
            f"None of the models within reach can be asked this ({why}). Name one that can in 'panel'.", param="fusion"
        )
    return Choice()


def _ranked(roster: Roster, names: Sequence[str]) -> list[Profile]:
    return sorted(map(roster.profile, names), key=lambda each: -each.strength)  # equals stay in the registry's order


class _Search:
    """Goes through one tier, strongest first; `passed` are those that won't do."""

    def __init__(self, roster: Roster, needs: Needs, cap: PriceCap, *, failing: bool) -> None:
        self._roster = roster
        self._needs = needs
        self._failing = failing
        self._caps = [] if cap.usd is None else [(round(cap.usd * 1e9), f"the cap of ${cap.usd:g} a seat")]
        self._ratio = cap.ratio
        self._all_prices_known = cap.usd is not None
        self.passed: list[_Passed] = []

    def fit(self, tier: Sequence[Profile]) -> list[Profile]:
        found: list[Profile] = []
        unsure: list[Profile] = []
        for each in tier:
            why = self._why_not(each)
            if why is not None:
                self.passed.append(_Passed(each, why))
            elif self._needs.inputs and self._roster.facts(each.model).inputs is None:
                unsure.append(each)
            else:
                found.append(each)
        if not found:
            return unsure
        self.passed += [_Passed(each, "nobody knows whether it takes what was sent along") for each in unsure]
        return found

    def price(self, model: str) -> int | None:
        return expected_nanodollars(self._roster, model, self._needs.prompt_tokens)

    def _why_not(self, profile: Profile) -> str | None:
        lack = cannot_do(self._roster.facts(profile.model), self._needs)
        if lack is not None:
            return lack
        if not self._failing and not self._roster.ready(profile.model):
            return "it keeps failing just now"
        return self._too_dear(profile.model)

    def _too_dear(self, model: str) -> str | None:
        if self._ratio is None and not self._caps:
            return None
        cost = self.price(model)
        if cost is None:
            return "its price is unknown, and there is a cap on it" if self._all_prices_known else None
        for most, words in self._caps:
            if cost > most:
                return f"at about ${cost / 1e9:.4f} it is over {words}"
        if self._ratio is not None and cost:  # the first that passes is the best
            self._caps.append((round(cost * self._ratio), f"{self._ratio:g} times what {model} costs"))
            self._ratio = None
        return None


def expected_nanodollars(roster: Roster, model: str, prompt_tokens: int) -> int | None:
    """What an answer of its usual length would cost; None if its price is unknown."""
    output = roster.pace(model).output_tokens or USUAL_OUTPUT_TOKENS
    return roster.cost_nanodollars(model, Usage(input=prompt_tokens, output=output))


def _choice(
    fit: list[Profile], passed: list[_Passed], price: Callable[[str], int | None] | None, *, failing: bool
) -> Choice:
    best = fit[0]
    near = [each for each in fit if each.weak or best.strength - each.strength <= WITHIN + 1e-9]
    if price is not None:
        fit = [best, *_by_price(fit[1:], price)]
        near = [best, *(each for each in fit if each in near[1:])]
    seats = _different_makers_first(near)
    bench = [each.model for each in fit if each not in seats][:BENCH]
    reasons = [f"automatic panel of what is reachable: {', '.join(each.model for each in seats)}"]
    reasons += _remarks(seats, near, fit, failing=failing)
    reasons += _passed_over(passed, seats[-1].strength)
    return Choice([each.model for each in seats], bench, reasons)


def _by_price(fit: Sequence[Profile], price: Callable[[str], int | None]) -> list[Profile]:
    """Cheapest first; what a model costs of which nobody knows the price may be anything."""

    def place(profile: Profile) -> tuple[bool, int]:
        cost = price(profile.model)
        return cost is None, cost or 0

    return sorted(fit, key=place)


def _different_makers_first(ranked: Sequence[Profile]) -> list[Profile]:
    first_of_maker: dict[str, Profile] = {}
    for each in ranked:
        first_of_maker.setdefault(each.maker, each)
    chosen = list(first_of_maker.values())[:SEATS]
    chosen += [each for each in ranked if each not in chosen][: SEATS - len(chosen)]
    return sorted(chosen, key=lambda each: -each.strength)


def _remarks(
    seats: Sequence[Profile], near: Sequence[Profile], fit: Sequence[Profile], *, failing: bool
) -> Iterator[str]:
    if failing:
        yield "everybody keeps failing just now; they are asked all the same"
    if len(seats) > 1 and len({each.maker for each in seats}) == 1:
        yield f"all of them are {seats[0].maker}'s: nobody else is within reach"
    if len(near) < min(SEATS, len(fit)):
        weaker = [each.model for each in fit if each not in near]
        yield f"more than {WITHIN * 100:.0f} points weaker than {seats[0].model}: {_some(weaker)}"


def _passed_over(passed: Sequence[_Passed], strength: float) -> list[str]:
    """Only those that would have had a seat: why a weaker one has none needs no words."""
    missed = [each for each in passed if each.profile.strength >= strength]
    told = [f"passed over {each.profile.model}: {each.why}" for each in missed[:_SHOWN]]
    return told + ([f"and {len(missed) - _SHOWN} more were passed over"] if len(missed) > _SHOWN else [])


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
