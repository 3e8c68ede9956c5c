"""Who may serve a request, and why the others may not: every condition of `provider` that admits no exception."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import NoEndpoint
from tritium.routing.endpoint import Endpoint, same_name
from tritium.routing.preferences import Preferences

PARAMETERS = frozenset(
    {
        "temperature", "top_p", "top_k", "top_a", "min_p", "frequency_penalty", "presence_penalty",
        "repetition_penalty", "seed", "stop", "logit_bias", "logprobs", "top_logprobs", "n", "response_format",
        "tools", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "verbosity", "prediction",
        "modalities",
    }
)  # fmt: skip
"""What a model may lack; the rest of a request's fields say nothing about the answer."""


class Exclusion(Struct, frozen=True):
    """One endpoint that is out."""

    provider: str
    field: str
    """The condition that put it out."""
    by: str | None
    """OpenRouter's word for it (`availability.excluded_by`)."""
    why: str


Rule = Callable[[Endpoint], Exclusion | None]


def eligible(
    endpoints: Sequence[Endpoint], preferences: Preferences, request: ChatRequest
) -> tuple[list[Endpoint], list[Exclusion]]:
    """Those that may, in the order given, and those that may not."""
    rules = _rules(endpoints, preferences, request)
    kept: list[Endpoint] = []
    out: list[Exclusion] = []
    for endpoint in endpoints:
        exclusion = next(filter(None, (rule(endpoint) for rule in rules)), None)
        if exclusion is None:
            kept.append(endpoint)
        else:
            out.append(exclusion)
    return kept, out


def nobody(model: str, out: Sequence[Exclusion]) -> NoEndpoint:
    """What to say when all are out."""
    reasons = "; ".join(f"{each.provider}: {each.why}" for each in out)
    error = NoEndpoint(f"No endpoint of {model} meets the request's conditions ({reasons}).", param="provider")
    by = list(dict.fromkeys(each.by for each in out if each.by))
    fields = {each.field for each in out}
    private = bool(by) and all(each.startswith("data_policy:") for each in by)
    error.availability = {
        "code": "privacy_restricted" if private else "constraint_filtered",
        "retryable": False,
        "requested_models": [model],
        "affected_providers": list(dict.fromkeys(each.provider for each in out)),
        "excluded_by": by,
        **({"constraint": {"field": fields.pop(), "detail": reasons}} if len(fields) == 1 else {}),
    }
    return error


def foreign(names: Sequence[str], endpoints: Sequence[Endpoint]) -> list[str]:
    """Of the providers named, those that are none of these endpoints': a router behind us may know them."""
    here = frozenset().union(*(endpoint.names for endpoint in endpoints))
    return [name for name in names if same_name(name) not in here]


def named(endpoint: Endpoint, names: Sequence[str]) -> bool:
    return any(same_name(name) in endpoint.names for name in names)


# ---------------------------------------------------------------- the rules


def _rules(endpoints: Sequence[Endpoint], preferences: Preferences, request: ChatRequest) -> list[Rule]:
    wish = preferences
    listed = wish.order if wish.allow_fallbacks is False else None
    return [
        *([_ignored(wish.ignore)] if wish.ignore else []),
        *([_only(wish.only, bool(foreign(wish.only, endpoints)))] if wish.only is not None else []),
        *([_listed(listed, bool(foreign(listed, endpoints)))] if listed else []),
        *([_no_collection] if wish.data_collection == "deny" else []),
        *([_no_retention] if wish.zdr else []),
        *([_distillable] if wish.enforce_distillable_text else []),
        *([_quantized(wish.quantizations)] if wish.quantizations else []),
        *([_affordable(wish.caps)] if wish.caps else []),
        *([_capable(PARAMETERS & request.fields.keys())] if wish.require_parameters else []),
        *([_long_enough(request.output_limit)] if request.output_limit is not None else []),
    ]


def _ignored(names: Sequence[str]) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        if not named(endpoint, names):
            return None
        return Exclusion(endpoint.provider, "provider.ignore", "allowed_providers", "it is in provider.ignore")

    return rule


def _only(names: Sequence[str], strangers: bool) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        if named(endpoint, names) or (strangers and endpoint.passes_preferences):
            return None
        return Exclusion(endpoint.provider, "provider.only", "allowed_providers", "it is not in provider.only")

    return rule


def _listed(names: Sequence[str], strangers: bool) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        if named(endpoint, names) or (strangers and endpoint.passes_preferences):
            return None
        why = "it is not in provider.order, and allow_fallbacks is false"
        return Exclusion(endpoint.provider, "provider.order", "allowed_providers", why)

    return rule


def _no_collection(endpoint: Endpoint) -> Exclusion | None:
    if endpoint.passes_preferences or endpoint.collects_data is False:
        return None
    why = "it collects data" if endpoint.collects_data else _unknown(endpoint, "data_collection")
    return Exclusion(endpoint.provider, "provider.data_collection", "data_policy:training", why)


def _no_retention(endpoint: Endpoint) -> Exclusion | None:
    if endpoint.passes_preferences or endpoint.retains_data is False:
        return None
    why = "it retains data" if endpoint.retains_data else _unknown(endpoint, "zdr")
    return Exclusion(endpoint.provider, "provider.zdr", "data_policy:zdr", why)


def _distillable(endpoint: Endpoint) -> Exclusion | None:
    if endpoint.passes_preferences:
        return None
    why = "nothing is known here of its author's terms on distillation"
    return Exclusion(endpoint.provider, "provider.enforce_distillable_text", None, why)


def _quantized(wanted: Sequence[str]) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        quantization = endpoint.quantization or "unknown"
        if endpoint.passes_preferences or quantization in wanted:
            return None
        return Exclusion(endpoint.provider, "provider.quantizations", "quantization", f"its weights are {quantization}")

    return rule


def _affordable(caps: dict[str, Decimal]) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        if endpoint.passes_preferences:
            return None
        asks = {
            "prompt": endpoint.prompt_usd,
            "completion": endpoint.completion_usd,
            "request": endpoint.request_usd if endpoint.priced else None,
        }
        for name, cap in caps.items():
            if name not in asks:  # images and audio are priced by nobody here: nothing is charged for them apart
                continue
            ask = asks[name]
            if ask is None:
                why = "its price is unknown here ([prices] in the configuration can say it)"
                return Exclusion(endpoint.provider, "provider.max_price", "max_price", why)
            if ask > cap:
                why = f"its {name} price is ${ask.normalize():f}"
                return Exclusion(endpoint.provider, "provider.max_price", "max_price", why)
        return None

    return rule


def _capable(sent: frozenset[str]) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        missing = sorted(sent & endpoint.ignored)
        if endpoint.passes_preferences or not missing:
            return None
        why = f"it does without {', '.join(missing)}"
        return Exclusion(endpoint.provider, "provider.require_parameters", "require_parameters", why)

    return rule


def _long_enough(output_limit: int) -> Rule:
    def rule(endpoint: Endpoint) -> Exclusion | None:
        if endpoint.context_tokens is None or output_limit <= endpoint.context_tokens:
            return None
        why = f"its context is {endpoint.context_tokens:,} tokens, max_tokens {output_limit:,}"
        return Exclusion(endpoint.provider, "max_tokens", "context_length", why)

    return rule


def _unknown(endpoint: Endpoint, setting: str) -> str:
    return f"its data policy is unknown here (providers.{endpoint.provider}.{setting} in the configuration can say it)"
