"""What a request asks of its answer, in terms that vendors share: length, sampling, reasoning, JSON, one answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORT_SHARE: dict[Effort, float] = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
"""The share of the output that an effort may spend thinking, where a vendor wants tokens (OpenRouter's figures)."""

_T = TypeVar("_T")


class Reasoning(NamedTuple):
    """What the caller wants of the model's thinking. Effort `none` is off; `budget` is in tokens."""

    effort: Effort | None
    budget: int | None
    shown: bool

    @property
    def off(self) -> bool:
        return self.effort == "none"


class Controls(NamedTuple):
    """The parameters of one request; None where the caller left it to the vendor."""

    output_limit: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    seed: int | None
    stop: list[str]
    reasoning: Reasoning | None
    json_schema: dict[str, Any] | None
    """The schema that the answer must satisfy; an empty one means any JSON object."""


def read_controls(request: ChatRequest, vendor: str) -> Controls:
    """The request's parameters.

    Raises:
        InvalidRequest: several answers are wanted, or a parameter is of the wrong shape.
    """
    body = request.body
    if body.n is not None and body.n > 1:
        raise InvalidRequest(f"{vendor} gives one answer to a request, not n={body.n}. Ask n times.", param="n")
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return Controls(
        output_limit=request.output_limit,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=given(request, "top_k", int),
        seed=body.seed,
        stop=[each for each in stop if each.strip()],
        reasoning=read_reasoning(request),
        json_schema=_json_schema(body.response_format),
    )


def given(request: ChatRequest, name: str, kind: type[_T]) -> _T | None:
    """A field that `ChatBody` leaves raw.

    Raises:
        InvalidRequest: it is of another type.
    """
    raw = request.fields.get(name)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind | None)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value at {name!r}: {error}.", param=name) from None


class _Asked(Struct):
    effort: Effort | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    enabled: bool | None = None
    exclude: bool | None = None


def read_reasoning(request: ChatRequest) -> Reasoning | None:
    """OpenRouter's `reasoning` object, or OpenAI's `reasoning_effort`.

    Raises:
        InvalidRequest: either is of the wrong shape.
    """
    body = request.body
    if body.reasoning_effort is not None and body.reasoning_effort not in get_args(Effort):
        known = ", ".join(repr(each) for each in get_args(Effort))
        raise InvalidRequest(
            f"'reasoning_effort' is {body.reasoning_effort!r}; it must be one of {known}.", param="reasoning_effort"
        )
    try:
        asked = msgspec.convert(body.reasoning or {}, _Asked)
        effort = asked.effort or msgspec.convert(body.reasoning_effort, Effort | None)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid 'reasoning': {error}.", param="reasoning") from None
    if asked.enabled is False:
        effort = "none"
    if asked.enabled and effort is None and asked.max_tokens is None:
        effort = "medium"
    if effort is None and asked.max_tokens is None:
        return None
    return Reasoning(effort, asked.max_tokens, not asked.exclude)


class _SchemaFormat(Struct):
    schema: dict[str, Any]


def _json_schema(response_format: dict[str, Any] | None) -> dict[str, Any] | None:
    kind = (response_format or {}).get("type", "text")
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return {}
    if kind != "json_schema":
        raise InvalidRequest(
            f"'response_format.type' is {kind!r}; it must be 'text', 'json_object' or 'json_schema'.",
            param="response_format.type",
        )
    try:
        return msgspec.convert(response_format.get("json_schema"), _SchemaFormat).schema
    except msgspec.ValidationError:
        raise InvalidRequest(
            "'response_format.json_schema' needs a 'schema' object.", param="response_format.json_schema"
        ) from None
