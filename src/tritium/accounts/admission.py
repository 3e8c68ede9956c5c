"""Whether a caller may do what it asks, decided in two steps: once for the request, and again for every provider call.

The request: names, rates, guardrails, and that anything at all is left of its limit. Each provider call, of which a
fusion makes several: whether the provider is allowed, and whether what the call may cost fits; that much is set aside
until the call is settled. So parallel requests can't overspend a limit together. A call may exceed it by what it costs
above its worst case (`worst_case.py`). That holds for several processes on one database as well: each spends from a
slice of the limit that it was given (`allowance.py`).

What counts against a limit: a call's known cost; for a call of unknown cost, or one that a killed process left behind,
what was set aside for it. Where no price is known beforehand that is `accounts.unknown_cost_usd`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from tritium.accounts.allowance import Allowance
from tritium.accounts.guardrails import Guardrails
from tritium.accounts.key import first_forbidden
from tritium.accounts.keyring import Holder, Keyring
from tritium.accounts.named_models import named_models
from tritium.accounts.permit import LocalPermit, NotingPermit, SharedPermit
from tritium.accounts.refusals import budget_spent, limit_spent
from tritium.accounts.screen import Screen
from tritium.accounts.spending import Spending
from tritium.accounts.till import SharedTill
from tritium.chat import ChatRequest
from tritium.errors import AuthenticationFailed, PermissionDenied, RateLimited
from tritium.ledger.allowances import Purse
from tritium.ledger.reservations import Reservation
from tritium.ledger.writer import LedgerWriter
from tritium.model import Call, Permit
from tritium.storage.presence import Presence

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
        spending: Spending | Allowance | None,
        writer: LedgerWriter,
        presence: Presence,
        unknown_nanodollars: int,
        till: SharedTill | None = None,
    ) -> None:
        """`till`: where limits' slices come from, if other processes spend from them, too."""
        self.keyring = keyring
        self.guardrails = guardrails
        self.spending = spending
        self.unknown_nanodollars = unknown_nanodollars
        self._writer = writer
        self._presence = presence
        self._till = till
        self._permit = LocalPermit if till is None else SharedPermit
        # Several processes on one database would have to sign for themselves all the time, limits or none.
        self._noting = NotingPermit(self) if till is None else None

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
            return self._permit(self, holder)
        return self._noting

    def reserve(
        self,
        call: Call,
        model: str,
        provider: str,
        streamed: bool,
        nanodollars: int,
        purses: tuple[Purse, ...] = (),
    ) -> None:
        """Write down what is set aside for a call, and of which divided limits."""
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
                owner=self._presence.name,
                purses=purses,
            )
        )

    def goes_anywhere(self, caller: str) -> bool:
        """Whether the caller's words may go to any model at any provider."""
        holder = self._holder(caller)
        return holder is None or (holder.key.allowed_models is None and holder.key.allowed_providers is None)

    def owner(self) -> str:
        """The name of this process, under which what it has begun can be found; blocks the first time.

        Raises:
            StorageError: the sign that it lives can't be given.
        """
        if self._till is not None:
            self._till.keep_house()  # who doesn't sign again is taken for dead
        return self._presence.name

    def close(self) -> None:
        """Everything that was set aside has been settled and written."""
        if self._till is not None:
            self._till.close()
        self._presence.close()

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
                raise limit_spent(limit, holder.key.limit_reset)
        budget = self.guardrails.budget_nanodollars
        if self.spending is not None and budget is not None and self.spending.left(budget, now) <= 0:
            raise budget_spent(budget)


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
