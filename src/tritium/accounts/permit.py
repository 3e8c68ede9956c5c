"""What the provider calls of one request are subject to: providers, tokens, and money set aside until each is settled.

Two kinds, alike but for the money: `LocalPermit` for limits that this process has to itself, `SharedPermit` for those
that several processes divide among them, where `hold` may have to ask the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from tritium.accounts.allowance import Allowance, Slice
from tritium.accounts.key import matches
from tritium.accounts.refusals import too_dear_for_budget, too_dear_for_key
from tritium.accounts.spending import Spending
from tritium.accounts.worst_case import worst_case
from tritium.chat import ChatRequest, Usage
from tritium.errors import PermissionDenied
from tritium.ledger.allowances import Purse
from tritium.model import Call, Generation

if TYPE_CHECKING:
    from tritium.accounts.admission import Admission
    from tritium.accounts.keyring import Holder

Price = Callable[[Usage], int | None]
Refusal = Callable[[int, int], Exception]
"""From what a call may cost and what is left."""


class _Limit(NamedTuple):
    spending: Spending | Allowance
    nanodollars: int
    refusal: Refusal


class _Hold(Struct, frozen=True):
    nanodollars: int
    tokens: int
    from_purses: tuple[Spending, ...]


class LocalPermit:
    """A `Permit` where no other process spends."""

    prompt: Literal[True] = True

    __slots__ = ("_admission", "_holder")

    def __init__(self, admission: Admission, holder: Holder | None) -> None:
        self._admission = admission
        self._holder = holder

    def hold(self, call: Call, model: str, provider: str, asked: ChatRequest | Usage, price: Price) -> _Hold:
        admission, holder = self._admission, self._holder
        _allow(admission, holder, model, provider)
        worst = worst_case(asked) if isinstance(asked, ChatRequest) else asked
        limits = _limits(admission, holder)
        nanodollars = 0
        taken: tuple[Spending, ...] = ()
        if limits:
            nanodollars = _most(admission, worst, price)
            taken = _set_aside(call.id, nanodollars, limits)
            try:
                admission.reserve(call, model, provider, _streamed(asked), nanodollars)
            except BaseException:
                _give_back(call.id, nanodollars, taken)
                raise
        if holder is not None and holder.tokens is not None:
            holder.tokens.take(worst.input)
        return _Hold(nanodollars, worst.input, taken)

    def settle(self, hold: _Hold, row: Generation) -> None:
        cost = row.cost_nanodollars
        if hold.from_purses:
            now = time.time()
            for spending in hold.from_purses:
                spending.settle(row.id, hold.nanodollars, hold.nanodollars if cost is None else cost, now)
        _take_tokens(self._holder, hold.tokens, row)


class NotingPermit:
    """A `Permit` where nothing is limited: a call is noted while it lasts, so that being killed forgets none."""

    prompt: Literal[True] = True

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def hold(self, call: Call, model: str, provider: str, asked: ChatRequest | Usage, _price: Price) -> None:
        self._admission.reserve(call, model, provider, _streamed(asked), 0)

    def settle(self, _hold: None, _row: Generation) -> None:
        """Nothing was set aside; the writer finds the note by its id."""


class _SharedHold(Struct, frozen=True):
    nanodollars: int
    tokens: int
    slices: Sequence[tuple[Allowance, Slice]]


class SharedPermit:
    """A `Permit` where other processes spend from the same limits; `hold` has to be awaited."""

    prompt: Literal[False] = False

    __slots__ = ("_admission", "_holder")

    def __init__(self, admission: Admission, holder: Holder | None) -> None:
        self._admission = admission
        self._holder = holder

    async def hold(
        self, call: Call, model: str, provider: str, asked: ChatRequest | Usage, price: Price
    ) -> _SharedHold:
        admission, holder = self._admission, self._holder
        _allow(admission, holder, model, provider)
        worst = worst_case(asked) if isinstance(asked, ChatRequest) else asked
        limits = _limits(admission, holder)
        nanodollars = 0
        slices: list[tuple[Allowance, Slice]] = []
        if limits:
            nanodollars = _most(admission, worst, price)
            try:
                for limit in limits:
                    drawn = await _drawn(limit, nanodollars)
                    slices.append(drawn)  # at once: what fails next gives it back
                purses: tuple[Purse, ...] = tuple(each.purse for _, each in slices)
                admission.reserve(call, model, provider, _streamed(asked), nanodollars, purses)
            except BaseException:
                for allowance, each in slices:
                    allowance.settle(each, nanodollars, 0)
                raise
        if holder is not None and holder.tokens is not None:
            holder.tokens.take(worst.input)
        return _SharedHold(nanodollars, worst.input, slices)

    def settle(self, hold: _SharedHold, row: Generation) -> None:
        cost = row.cost_nanodollars
        for allowance, drawn in hold.slices:
            allowance.settle(drawn, hold.nanodollars, hold.nanodollars if cost is None else cost)
        _take_tokens(self._holder, hold.tokens, row)


async def _drawn(limit: _Limit, nanodollars: int) -> tuple[Allowance, Slice]:
    """The allowance, and its slice that so much was taken from.

    Raises:
        BudgetExceeded, PermissionDenied: it hasn't so much.
        LimitsUnknown: nobody can say whether it has.
    """
    allowance = limit.spending
    assert isinstance(allowance, Allowance)  # noqa: S101 - all are of one kind
    drawn = await allowance.draw(nanodollars, limit.nanodollars)
    if isinstance(drawn, int):
        raise limit.refusal(nanodollars, drawn)
    return allowance, drawn


def _set_aside(call_id: str, nanodollars: int, limits: Sequence[_Limit]) -> tuple[Spending, ...]:
    """From each, or from none.

    Raises:
        BudgetExceeded, PermissionDenied: one of them hasn't so much.
    """
    now = time.time()
    taken: list[Spending] = []
    for limit in limits:
        spending = limit.spending
        assert isinstance(spending, Spending)  # noqa: S101 - all are of one kind
        left = spending.hold(call_id, nanodollars, limit.nanodollars, now)
        if left is not None:
            _give_back(call_id, nanodollars, taken)
            raise limit.refusal(nanodollars, left)
        taken.append(spending)
    return tuple(taken)


def _give_back(call_id: str, nanodollars: int, taken: Sequence[Spending]) -> None:
    for spending in taken:
        spending.settle(call_id, nanodollars, 0, time.time())


def _limits(admission: Admission, holder: Holder | None) -> list[_Limit]:
    found: list[_Limit] = []
    if holder is not None and holder.spending is not None and holder.key.limit_nanodollars is not None:
        found.append(_Limit(holder.spending, holder.key.limit_nanodollars, too_dear_for_key))
    budget = admission.guardrails.budget_nanodollars
    if admission.spending is not None and budget is not None:
        found.append(_Limit(admission.spending, budget, too_dear_for_budget))
    return found


def _most(admission: Admission, worst: Usage, price: Price) -> int:
    """What the call may cost, or what counts for one of which that isn't known."""
    known = price(worst)
    return admission.unknown_nanodollars if known is None else known


def _streamed(asked: ChatRequest | Usage) -> bool:
    return isinstance(asked, ChatRequest) and asked.streaming


def _take_tokens(holder: Holder | None, held: int, row: Generation) -> None:
    if holder is not None and holder.tokens is not None:
        holder.tokens.take(row.usage.input + row.usage.output - held)


def _allow(admission: Admission, holder: Holder | None, model: str, provider: str) -> None:
    admission.guardrails.allow_call(model, provider)
    allowed = holder.key.allowed_providers if holder is not None else None
    if allowed is not None and not matches(provider, allowed):
        raise PermissionDenied(
            f"This key's requests may not go to {provider!r}; they may go to {', '.join(allowed) or 'nobody'}.",
            param="model",
        )
