"""Sessions stay where they are: an endpoint that answered one keeps getting it, because it has the prompt in its cache.

Format and rule: OpenRouter's `session_id`, else `prompt_cache_key`. Requests without either leave no trace here.
Bounded in number and in time: a provider's own cache forgets within minutes, too.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.model import Call
from tritium.routing.endpoint import Endpoint

REMEMBERED = 10_000
"""Sessions; the one that has been quiet for longest is forgotten first."""

KEPT_SECONDS = 600.0
"""After a session's last request."""

LONGEST_NAME = 256


class Sessions:
    """Which endpoint each session's requests for a model go to. One process's own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: OrderedDict[bytes, tuple[tuple[str, str], float]] = OrderedDict()

    def of(self, request: ChatRequest, call: Call, model: str) -> Session | None:
        """The request's session with that model; None if it names none.

        Raises:
            InvalidRequest: its name isn't one.
        """
        name = session_name(request)
        if name is None:
            return None
        return Session(self, blake2b(f"{call.caller}\0{model}\0{name}".encode(), digest_size=16).digest())

    def place(self, key: bytes) -> tuple[str, str] | None:
        found = self._places.get(key)
        return None if found is None or self._clock() - found[1] > KEPT_SECONDS else found[0]

    def stay(self, key: bytes, endpoint: Endpoint) -> None:
        self._places[key] = (_name(endpoint), self._clock())
        self._places.move_to_end(key)
        if len(self._places) > REMEMBERED:
            self._places.popitem(last=False)


class Session:
    """One caller's session with one model."""

    __slots__ = ("_key", "_sessions")

    def __init__(self, sessions: Sessions, key: bytes) -> None:
        self._sessions = sessions
        self._key = key

    def first(self, endpoints: list[Endpoint]) -> list[Endpoint]:
        """The same in order, but for where the session is: that comes first while it is well and has room."""
        place = self._sessions.place(self._key)
        home = next((each for each in endpoints if _name(each) == place), None) if place is not None else None
        if home is None or not home.health.ready or any(gate.busy for gate in home.gates):
            return endpoints
        return [home, *(each for each in endpoints if each is not home)]

    def asked(self, endpoint: Endpoint) -> None:
        """It is asked now. One that fails is followed by another, so the last one asked is where the session is."""
        self._sessions.stay(self._key, endpoint)


def session_name(request: ChatRequest) -> str | None:
    """`session_id`, else `prompt_cache_key`.

    Raises:
        InvalidRequest: `session_id` isn't a text, or too long a one.
    """
    fields = request.fields
    given = _decoded(fields.get("session_id"))
    if given is None:
        given = _decoded(fields.get("prompt_cache_key"))
        return given if isinstance(given, str) and given else None  # the provider says what is wrong with it
    if not isinstance(given, str) or len(given) > LONGEST_NAME:
        raise InvalidRequest(f"'session_id' is a text of at most {LONGEST_NAME} characters.", param="session_id")
    return given or None


def _decoded(raw: msgspec.Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _name(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.provider, endpoint.model.id
