"""One model at several providers, as a Model: chooses among its endpoints, and goes on to the next when one fails.

A request without wishes for a model with one endpoint takes the short way: nothing is filtered, sorted or drawn.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from tritium.chat import ChatRequest
from tritium.errors import BudgetExceeded, PermissionDenied, RateLimited, TritiumError, UpstreamError, UpstreamTimeout
from tritium.model import Answer, Call
from tritium.routing.eligible import eligible, foreign, named, nobody
from tritium.routing.endpoint import Endpoint, same_name
from tritium.routing.health import blames_endpoint
from tritium.routing.opening import Opening
from tritium.routing.order import ordered
from tritium.routing.preferences import By, Preferences, read_preferences
from tritium.routing.sessions import Session, Sessions

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
"""Whoever asks to be left alone for longer is not asked again within this request."""

MOST_TRIES = 16
"""Of one request at the endpoints of one model, keys and second tries included."""

_SAYS_HOW_MUCH = frozenset(("reasoning", "reasoning_effort"))


class Balanced:
    """A model by the name callers say. `sort` is a variant's wish, and wins over the request's."""

    def __init__(
        self,
        model_id: str,
        endpoints: Sequence[Endpoint],
        *,
        sort: By | None = None,
        thinks: bool = False,
        sessions: Sessions | None = None,
    ) -> None:
        """`endpoints`: at least one; `thinks`: they are to reason, unless the request says how much."""
        self.id = model_id
        self.endpoints = endpoints
        self.sort: By | None = sort
        self.thinks = thinks
        self.sessions = sessions or Sessions()
        self._only = endpoints[0] if len(endpoints) == 1 and not thinks else None

    def answer(self, request: ChatRequest, call: Call) -> Opening:
        """Open an answer.

        Raises:
            InvalidRequest: `provider` is wrong.
            NoEndpoint: it leaves nobody.
        """
        if self._only is not None and "provider" not in request.fields:
            return Opening(Rounds((self._only,), request, call), call)
        return Opening(self._rounds(request, call), call)

    def candidates(self, request: ChatRequest) -> list[Endpoint]:
        """Those that may serve the request, in no order.

        Raises:
            InvalidRequest, NoEndpoint: as `answer`.
        """
        preferences = read_preferences(request)
        kept, out = eligible(self.endpoints, preferences, request)
        if not kept:
            raise nobody(self.id, out)
        return kept

    def _rounds(self, request: ChatRequest, call: Call) -> Rounds:
        if self.thinks and request.fields.keys().isdisjoint(_SAYS_HOW_MUCH):
            request = request.replace(reasoning={"enabled": True})
        preferences = read_preferences(request)
        if self.sort is not None:
            preferences = replace(preferences, sort=self.sort, order=None)
        kept = ordered(self.candidates(request), preferences, request)
        session = None if preferences.order else self.sessions.of(request, call, self.id)
        if session is not None:
            kept = session.first(kept)
        if preferences.allow_fallbacks is False and not preferences.order:
            kept = kept[:1]
        return Rounds(kept, request, call, _Passed(preferences, self.endpoints), session)


class Rounds:
    """Everybody once, in order; then those that may have come to themselves, after a pause."""

    # What only a failure changes stands here: nearly every request is over before there is one.
    _at = 0
    _pauses = 0
    _tries = 0
    _again: Sequence[tuple[Endpoint, float | None]] = ()
    """Whom to ask once more, and how long each wants to be left alone."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        request: ChatRequest,
        call: Call,
        passed: _Passed | None = None,
        session: Session | None = None,
    ) -> None:
        self._round = endpoints
        self._request = request
        self._call = call
        self._passed = passed
        self._session = session

    def open(self, call: Call) -> Answer:
        endpoint = self._round[self._at]
        endpoint.health.claim()
        self._tries += 1
        if self._session is not None:
            self._session.asked(endpoint)
        request = self._request
        if self._passed is not None and endpoint.passes_preferences:
            request = self._passed.to(endpoint, request)
        return endpoint.model.answer(request, call)

    async def advance(self, error: TritiumError) -> bool:
        if not goes_on(error) or self._tries >= MOST_TRIES or self._late(0.0):
            return False
        if isinstance(error, UpstreamError) and error.another_key:
            return True
        endpoint = self._round[self._at]
        if error.retryable and not isinstance(error, UpstreamTimeout | RateLimited):
            self._again = (*self._again, (endpoint, getattr(error, "retry_after_seconds", None)))
        self._at += 1
        return self._at < len(self._round) or await self._another_round()

    async def _another_round(self) -> bool:
        willing = [(endpoint, wait) for endpoint, wait in self._again if endpoint.retries > self._pauses]
        if not willing:
            return False
        pause = FIRST_PAUSE_SECONDS * 2**self._pauses * random.uniform(1.0, 2.0)  # noqa: S311 - so that callers don't come back as one
        pause = max(pause, min(wait or 0.0 for _, wait in willing))
        if pause > LONGEST_PAUSE_SECONDS or self._late(pause):
            return False
        await asyncio.sleep(pause)
        self._round = [endpoint for endpoint, wait in willing if (wait or 0.0) <= pause]
        self._again = ()
        self._at = 0
        self._pauses += 1
        return True

    def _late(self, pause_seconds: float) -> bool:
        deadline = self._call.deadline
        return deadline is not None and time.monotonic() + pause_seconds >= deadline


def goes_on(error: TritiumError) -> bool:
    """Another endpoint of the same model may do better: not when it was the request that was wrong."""
    if isinstance(error, UpstreamError):
        return blames_endpoint(error) or error.another_key or error.upstream_status == 404
    return error.retryable or isinstance(error, PermissionDenied | BudgetExceeded)  # of this provider, by our own rules


@dataclass(frozen=True, slots=True)
class _Passed:
    """What a router behind us is told of `provider`: everything but our own names for providers."""

    preferences: Preferences
    endpoints: Sequence[Endpoint]

    def to(self, endpoint: Endpoint, request: ChatRequest) -> ChatRequest:
        if "provider" not in request.fields:
            return request
        given: dict[str, Any] = msgspec.json.decode(request.fields["provider"]) or {}
        given = {name: value for name, value in given.items() if value is not None}
        only = given.pop("only", None)
        if only is not None and not named(endpoint, only):
            given["only"] = foreign(only, self.endpoints)
        for name in ("order", "ignore"):
            theirs = [each for each in given.pop(name, ()) if same_name(each) not in endpoint.names]
            if theirs:
                given[name] = theirs
        return request.replace(provider=given or None)
