"""What holds for every caller: who may be asked, what may be said, and how much a day may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tritium.accounts.key import first_forbidden, matches
from tritium.accounts.patterns import kinds
from tritium.accounts.screen import Screen
from tritium.chat import ChatRequest
from tritium.config import Guardrails as Settings
from tritium.errors import PermissionDenied
from tritium.ledger.prices import NANODOLLARS


class Guardrails:
    """The configured guardrails, ready for use."""

    def __init__(self, settings: Settings) -> None:
        """Read them.

        Raises:
            ConfigError: a pattern is unknown, or can't be used.
        """
        known = kinds(settings.patterns)
        self._settings = settings
        self._input = Screen(settings.input, known, "guardrails.input")
        self.output = Screen(settings.output, known, "guardrails.output")
        budget = settings.budget_per_day_usd
        self.budget_nanodollars = None if budget is None else round(budget * NANODOLLARS)
        self.names_models = settings.allowed_models is not None
        self.watches_calls = bool(
            settings.ignored_models or settings.ignored_providers or settings.allowed_providers is not None
        )

    def allow_names(self, names: Sequence[str], model_id: str) -> None:
        """Refuse what a caller may not ask for by name.

        Raises:
            PermissionDenied: one of the names is not allowed.
        """
        allowed = self._settings.allowed_models
        name = first_forbidden(names, model_id, allowed)
        if name is not None and allowed is not None:
            raise PermissionDenied(
                f"A guardrail doesn't let {name!r} be asked here; it allows {', '.join(allowed)}.", param="model"
            )

    def allow_call(self, model: str, provider: str) -> None:
        """Refuse a provider call.

        Raises:
            PermissionDenied: the model or the provider may not be asked.
        """
        settings = self._settings
        if matches(model, settings.ignored_models):
            raise PermissionDenied(f"A guardrail keeps the model {model!r} from being asked.", param="model")
        allowed = settings.allowed_providers
        if matches(provider, settings.ignored_providers) or (allowed is not None and not matches(provider, allowed)):
            raise PermissionDenied(f"A guardrail keeps the provider {provider!r} from being asked.", param="model")

    def screened(self, request: ChatRequest) -> ChatRequest:
        """The request as it may leave.

        Raises:
            PermissionDenied: its messages hold something that is blocked; `metadata["patterns"]` names what.
        """
        if not self._input:
            return request
        messages = msgspec.json.decode(request.fields["messages"])
        screened = self._input.document(messages)
        return request if screened is messages else request.replace(messages=screened)

    def screened_input(self, value: Any) -> Any:
        """What is to be embedded or ranked, as it may leave; the same object where nothing is taken out.

        Raises:
            PermissionDenied: it holds something that is blocked, or token numbers, in which nothing can be found.
        """
        if not self._input:
            return value
        if _has_numbers(value):
            raise PermissionDenied(
                "A guardrail looks through what is embedded here, and can't read token numbers. Send text.",
                param="input",
            )
        return self._input.words(value)


def _has_numbers(value: Any) -> bool:
    """Whether it is a text, or texts, in the form of token numbers."""
    return isinstance(value, list) and any(
        isinstance(each, int) or (isinstance(each, list) and _has_numbers(each)) for each in value
    )
