"""Whether a caller may do what it asks, decided in two steps: once for the request, and again for every provider call.

The request: names, rates, guardrails, and that anything at all is left of its limit. Each provider call, of which a
fusion makes several: whether the provider is allowed, and whether what the call may cost fits; that much is set aside
until the call is settled. So parallel requests can't overspend a limit together. A call may exceed it by what it costs
above its worst case (`worst_case.py`), and several processes on one database by what the others spend between two
recounts (`keyring.py`).

What counts against a limit: a call's known cost; for a call of unknown cost, or one that a killed process left behind,
what was set aside for it. Where no price is known beforehand that is `accounts.unknown_cost_usd`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from msgspec import Struct

from tritium.accounts.guardrails import Guardrails
from tritium.accounts.key import first_forbidden, matches
from tritium.accounts.keyring import Holder, Keyring
from tritium.accounts.named_models import named_models
from tritium.accounts.screen import Screen
from tritium.accounts.spending import Spending
from tritium.accounts.worst_case import worst_case
from tritium.chat import ChatRequest, Usage
from tritium.errors import AuthenticationFailed, BudgetExceeded, PermissionDenied, RateLimited, StorageError
from tritium.ledger.prices import NANODOLLARS
from tritium.ledger.reservations import Reservation
from tritium.ledger.writer import LedgerWriter
from tritium.model import Call, Generation, Permit
from tritium.storage.lease import Lease

LOCAL = "local"
"""Whoever calls a gateway that asks for no key: the command line, this machine."""
MANAGEMENT = "management"


class Admitted(NamedTuple):
    """A request that may be answered: as it may leave, what its provider calls are subject to, what screens its answer.

    None where there is nothing to look at.
    """

    request: ChatRequest
    permit: Permit | None
    screen: Screen | None


class Admission:
    """The door. `spending` is everybody's of today, for the guardrails' budget."""

    def __init__(
        self,
        keyring: Keyring,
        guardrails: Guardrails,
        spending: Spending | None,
        writer: LedgerWriter,
        leases: Path,
        unknown_nanodollars: int,
    ) -> None:
        self.keyring = keyring
        self.guardrails = guardrails
        self.spending = spending
        self.unknown_nanodollars = unknown_nanodollars
        self._writer = writer
        self._leases = leases
        self._lease: Lease | None = None
        self._leasing = Lock()

    def admit(self, request: ChatRequest, caller: str, model_id: str) -> Admitted:
        """Let a request in, or say why not. `model_id` is what its model's name stands for.

        Raises:
            AuthenticationFailed: the caller's key is gone.
            PermissionDenied: the key or a guardrail doesn't allow it, or the day's budget is spent.
            BudgetExceeded: the key's limit is spent.
            RateLimited: the key asks too often.
        """
        guardrails = self.guardrails
        screened = guardrails.screened(request)
        restricted = caller != LOCAL or guardrails.names_models
        names = named_models(request) if restricted else [request.model]
        return Admitted(screened, self.enter(caller, names, model_id), guardrails.output or None)

    def enter(self, caller: str, names: Sequence[str], model_id: str) -> Permit | None:
        """The same for a request of any kind. `names` are all models that it names, `model_id` is the first of them.

        Raises:
            AuthenticationFailed, PermissionDenied, BudgetExceeded, RateLimited: see `admit`.
        """
        holder = self._holder(caller)
        self.guardrails.allow_names(names, model_id)
        if holder is not None:
            _allow_names(holder, names, model_id)
        self._refuse_spent(holder)
        if holder is not None:
            _take_turn(holder)
        if self.guardrails.watches_calls or self.spending is not None or (holder is not None and _is_bounded(holder)):
            return _Permit(self, holder)
        return None

    def reserve(self, call: Call, model: str, provider: str, streamed: bool, nanodollars: int) -> None:
        """Write down what is set aside for a call."""
        self._writer.reserve(
            Reservation(
                id=call.id,
                request_id=call.request_id,
                created_at=time.time(),
                caller=call.caller,
                model=model,
                provider=provider,
                role=call.role,
                streamed=streamed,
                nanodollars=nanodollars,
                owner=self._owner(),
            )
        )

    def release(self, call_id: str) -> None:
        """Write down that it has become a cost."""
        self._writer.release(call_id)

    def close(self) -> None:
        """Everything that was set aside has been settled and written."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    def _owner(self) -> str:
        if self._lease is None:
            with self._leasing:
                try:
                    self._lease = self._lease or Lease(self._leases)
                except OSError as error:
                    raise StorageError(f"Can't write to {str(self._leases)!r}: {error.strerror}.") from None
        return self._lease.name

    def _holder(self, caller: str) -> Holder | None:
        if caller == LOCAL:
            return None
        if caller == MANAGEMENT:
            raise PermissionDenied("The management key makes keys and can't ask models. Make a key, and use that.")
        holder = self.keyring.get(caller)
        if holder is None:
            raise AuthenticationFailed("This key has been deleted.")
        return holder

    def _refuse_spent(self, holder: Holder | None) -> None:
        now = time.time()
        if holder is not None and holder.spending is not None:
            limit = holder.key.limit_nanodollars
            if limit is not None and holder.spending.left(limit, now) <= 0:
                raise _limit_spent(holder, limit)
        budget = self.guardrails.budget_nanodollars
        if self.spending is not None and budget is not None and self.spending.left(budget, now) <= 0:
            raise _budget_spent(budget)


class _Purse(NamedTuple):
    spending: Spending
    limit: int
    refusal: Callable[[int, int], Exception]
    """From what a call may cost and what is left."""


class _Hold(Struct, frozen=True):
    nanodollars: int
    tokens: int
    purses: tuple[_Purse, ...]


class _Permit:
    """What the provider calls of one request are subject to."""

    __slots__ = ("_admission", "_holder")

    def __init__(self, admission: Admission, holder: Holder | None) -> None:
        self._admission = admission
        self._holder = holder

    def hold(
        self,
        call: Call,
        model: str,
        provider: str,
        asked: ChatRequest | Usage,
        price: Callable[[Usage], int | None],
    ) -> _Hold:
        self._admission.guardrails.allow_call(model, provider)
        holder = self._holder
        if holder is not None:
            _allow_provider(holder, provider)
        purses = self._purses()
        worst = worst_case(asked) if isinstance(asked, ChatRequest) else asked
        nanodollars = 0
        if purses:
            known = price(worst)
            nanodollars = self._admission.unknown_nanodollars if known is None else known
            _set_aside(call.id, nanodollars, purses)
            try:
                streamed = isinstance(asked, ChatRequest) and asked.streaming
                self._admission.reserve(call, model, provider, streamed, nanodollars)
            except BaseException:
                _give_back(call.id, nanodollars, purses)
                raise
        if holder is not None and holder.tokens is not None:
            holder.tokens.take(worst.input)
        return _Hold(nanodollars, worst.input, purses)

    def settle(self, hold: _Hold, row: Generation) -> None:
        cost = row.cost_nanodollars
        now = time.time()
        for purse in hold.purses:
            purse.spending.settle(row.id, hold.nanodollars, hold.nanodollars if cost is None else cost, now)
        if hold.purses and cost is not None:
            self._admission.release(row.id)
        if self._holder is not None and self._holder.tokens is not None:
            self._holder.tokens.take(row.usage.input + row.usage.output - hold.tokens)

    def _purses(self) -> tuple[_Purse, ...]:
        purses: list[_Purse] = []
        holder, admission = self._holder, self._admission
        if holder is not None and holder.spending is not None and holder.key.limit_nanodollars is not None:
            limit = holder.key.limit_nanodollars
            purses.append(_Purse(holder.spending, limit, _too_dear_for_key))
        if admission.spending is not None and admission.guardrails.budget_nanodollars is not None:
            purses.append(_Purse(admission.spending, admission.guardrails.budget_nanodollars, _too_dear_for_budget))
        return tuple(purses)


def _set_aside(call_id: str, nanodollars: int, purses: tuple[_Purse, ...]) -> None:
    """From each purse, or from none.

    Raises:
        BudgetExceeded, PermissionDenied: one of them hasn't so much.
    """
    now = time.time()
    for place, purse in enumerate(purses):
        left = purse.spending.hold(call_id, nanodollars, purse.limit, now)
        if left is not None:
            _give_back(call_id, nanodollars, purses[:place])
            raise purse.refusal(nanodollars, left)


def _give_back(call_id: str, nanodollars: int, purses: tuple[_Purse, ...]) -> None:
    for purse in purses:
        purse.spending.settle(call_id, nanodollars, 0, time.time())


def _is_bounded(holder: Holder) -> bool:
    key = holder.key
    return holder.spending is not None or holder.tokens is not None or key.allowed_providers is not None


def _allow_names(holder: Holder, names: Sequence[str], model_id: str) -> None:
    allowed = holder.key.allowed_models
    name = first_forbidden(names, model_id, allowed)
    if name is not None and allowed is not None:
        raise PermissionDenied(
            f"This key may not ask {name!r}; it may ask {', '.join(allowed) or 'nobody'}.", param="model"
        )


def _allow_provider(holder: Holder, provider: str) -> None:
    allowed = holder.key.allowed_providers
    if allowed is not None and not matches(provider, allowed):
        raise PermissionDenied(
            f"This key's requests may not go to {provider!r}; they may go to {', '.join(allowed) or 'nobody'}.",
            param="model",
        )


def _take_turn(holder: Holder) -> None:
    if holder.tokens is not None and (wait := holder.tokens.wait_seconds()):
        raise _too_fast(holder.tokens.per_minute, "tokens", wait)
    if holder.requests is not None and (wait := holder.requests.take_or_wait()):
        raise _too_fast(holder.requests.per_minute, "requests", wait)


def _too_fast(per_minute: int, what: str, wait_seconds: float) -> RateLimited:
    return RateLimited(
        f"Rate limit exceeded: this key may use {per_minute:,} {what} a minute. Wait {max(1, round(wait_seconds))} s.",
        retry_after_seconds=wait_seconds,
    )


def _limit_spent(holder: Holder, limit: int) -> BudgetExceeded:
    when = f" It is renewed {holder.key.limit_reset}." if holder.key.limit_reset else ""
    return BudgetExceeded(
        f"Key limit exceeded: the {_dollars(limit)} of this key are spent, or set aside for calls under way.{when}"
    )


def _too_dear_for_key(nanodollars: int, left: int) -> Exception:
    return BudgetExceeded(
        f"Key limit exceeded: this call may cost {_dollars(nanodollars)}, and {_dollars(left)} of the key's limit are "
        "left. A smaller max_tokens makes it fit."
    )


def _budget_spent(budget: int) -> PermissionDenied:
    return PermissionDenied(
        f"The gateway's budget of {_dollars(budget)} a day is spent. It is renewed at midnight UTC."
    )


def _too_dear_for_budget(nanodollars: int, left: int) -> Exception:
    return PermissionDenied(
        f"This call may cost {_dollars(nanodollars)}, and {_dollars(left)} of the gateway's budget for today are left. "
        "A smaller max_tokens makes it fit."
    )


def _dollars(nanodollars: int) -> str:
    return f"${max(nanodollars, 0) / NANODOLLARS:.6f}"
