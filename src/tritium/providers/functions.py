"""The functions that a request offers to the model, and which of them it must call.

Format read: OpenAI's `tools` and `tool_choice`. A tool that isn't a function is the vendor's own and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest

_ANTHROPICS = re.compile(r"[a-z_]+_20\d{6}")
"""The types of tools that Anthropic's API has built in carry their date."""


class Function(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class Offer(NamedTuple):
    """`others` are tools in the vendor's own form; `name` is the function that `named` asks for."""

    functions: list[Function]
    others: list[dict[str, Any]]
    choice: Literal["auto", "none", "required", "named"] | None
    name: str | None

    @property
    def forced(self) -> bool:
        return self.choice in ("required", "named")


def read_offer(request: ChatRequest) -> Offer:
    """The request's tools and tool choice.

    Raises:
        InvalidRequest: either has another shape than OpenAI's.
    """
    functions: list[Function] = []
    others: list[dict[str, Any]] = []
    for place, tool in enumerate(request.body.tools or ()):
        if tool.get("type") != "function":
            others.append(tool)
            continue
        try:
            function = msgspec.convert(tool.get("function"), Function)
            function.cache_control = function.cache_control or msgspec.convert(
                tool.get("cache_control"), dict[str, Any] | None
            )
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"Invalid function: {error}.", param=f"tools[{place}]") from None
        functions.append(function)
    return Offer(functions, others, *_choice(request.body.tool_choice))


def refuse_anthropics(tools: Iterable[dict[str, Any]], whose: str) -> None:
    """Refuse what only Anthropic's API has built in; `whose` says what it was asked of.

    Raises:
        InvalidRequest: one of the tools is such a one.
    """
    for place, tool in enumerate(tools):
        kind = tool.get("type")
        if isinstance(kind, str) and _ANTHROPICS.fullmatch(kind):
            raise InvalidRequest(
                f"The tool type {kind!r} is built into Anthropic's API, and {whose} has no such tool. Describe it "
                "yourself by a name and a schema, or ask a model of an Anthropic provider.",
                param=f"tools[{place}].type",
            )


class _Named(Struct):
    name: str


class _Choice(Struct):
    type: Literal["function"]
    function: _Named


def _choice(given: Any) -> tuple[Literal["auto", "none", "required", "named"] | None, str | None]:
    if given is None:
        return None, None
    if given == "auto" or given == "none" or given == "required":  # noqa: PLR1714 - mypy narrows this form only
        return given, None
    try:
        return "named", msgspec.convert(given, _Choice).function.name
    except msgspec.ValidationError:
        raise InvalidRequest(
            "'tool_choice' must be 'auto', 'none', 'required' or "
            '{"type": "function", "function": {"name": ...}}.',
            param="tool_choice",
        ) from None
