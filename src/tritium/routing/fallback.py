"""A list of models as one: the next is asked when one fails, whatever the reason (OpenRouter's `models`)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, TritiumError
from tritium.model import Answer, Call, Model
from tritium.routing.opening import Opening

MOST_MODELS = 32
"""In one list; OpenRouter names no limit, but every name may be a call."""


class Fallback:
    """Models in order, the first of them the one that was wanted."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = models

    @property
    def id(self) -> str:
        return self.models[0].id

    def answer(self, request: ChatRequest, call: Call) -> Opening:
        """Open an answer; the models don't see that they are in a list."""
        return Opening(_Chain(self.models, request.replace(models=None, route=None)), call)


class _Chain:
    def __init__(self, models: Sequence[Model], request: ChatRequest) -> None:
        self._models = models
        self._request = request
        self._at = 0

    def open(self, call: Call) -> Answer:
        return self._models[self._at].answer(self._request, call)

    async def advance(self, error: TritiumError) -> bool:  # noqa: ARG002 - any failure will do: a shorter context, another moderation, ...
        self._at += 1
        return self._at < len(self._models)


def fallback_names(request: ChatRequest) -> list[str]:
    """`model`, and after it what `models` adds to it, each once.

    Raises:
        InvalidRequest: `models` is no list of names, or too long a one.
    """
    try:
        more = msgspec.json.decode(request.fields["models"], type=list[str] | None) or []
    except msgspec.ValidationError:
        raise InvalidRequest("'models' is a list of model names.", param="models") from None
    names = list(dict.fromkeys([request.model, *more]))
    if len(names) > MOST_MODELS:
        raise InvalidRequest(f"'models' names {len(names)} models; {MOST_MODELS} at most are asked.", param="models")
    return names
