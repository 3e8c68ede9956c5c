"""What single models of a vendor take of a request, where its other models take more or something else.

The rules are data: `ModelQuirks` in the rows of `registry.toml`, each with patterns of the models' names.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, get_args

import msgspec
from msgspec import Raw

from tritium.chat import ChatRequest
from tritium.providers.controls import EFFORT_SHARE, Effort, Reasoning, read_reasoning
from tritium.providers.wire import ModelQuirks, Quirks

_EFFORTS: tuple[Effort, ...] = get_args(Effort)
_DISABLED = Raw(b'{"type":"disabled"}')
_encode = msgspec.json.Encoder().encode


class ModelRules(NamedTuple):
    """All that is said of one model, put together."""

    drop: frozenset[str] = frozenset()
    drop_thinking: frozenset[str] = frozenset()
    efforts: tuple[Effort, ...] | None = None
    effort_with_tools: Effort | None = None
    tool_choices: tuple[str, ...] | None = None
    thinking_switch: bool = False

    @property
    def only_drop(self) -> bool:
        return self._replace(drop=frozenset()) == ModelRules()

    def apply(self, fields: dict[str, Raw], request: ChatRequest) -> None:
        """Change the fields of the wire, from which what is always dropped is gone.

        Raises:
            InvalidRequest: the wish for reasoning is of the wrong shape.
        """
        self._say_effort(fields, request)
        if self.effort_with_tools is not None and bytes(fields.get("tools", b"[]")) not in (b"[]", b"null"):
            fields["reasoning_effort"] = Raw(_encode(self.effort_with_tools))
        if self.drop_thinking and bytes(fields.get("reasoning_effort", b"null")) not in (b'"none"', b"null"):
            for name in self.drop_thinking & fields.keys():
                del fields[name]
        choice = fields.get("tool_choice")
        if self.tool_choices is not None and choice is not None and bytes(choice).strip(b'" ') not in self._choices:
            del fields["tool_choice"]

    @property
    def _choices(self) -> tuple[bytes, ...]:
        return tuple(choice.encode() for choice in self.tool_choices or ())

    def _say_effort(self, fields: dict[str, Raw], request: ChatRequest) -> None:
        """The caller's wish in the model's own words, or the nearest that it has."""
        if self.efforts is None or "reasoning_effort" in self.drop:
            return
        if "reasoning" not in request.fields and "reasoning_effort" not in request.fields:
            return
        wanted = read_reasoning(request)
        if wanted is None:
            return
        effort = _effort(wanted, request.output_limit)
        if effort == "none" and self.thinking_switch:
            fields.pop("reasoning_effort", None)
            fields["thinking"] = _DISABLED
        else:
            fields["reasoning_effort"] = Raw(_encode(nearest(effort, self.efforts)))


def rules_for(model: str, quirks: Sequence[ModelQuirks]) -> ModelRules | None:
    """What is said of that model; None if nothing is."""
    name = model.lower()
    found = [each for each in quirks if _matches(name, each.models) and not _matches(name, each.but)]
    if not found:
        return None
    rules = ModelRules()
    for each in found:
        rules = ModelRules(
            drop=rules.drop | set(each.drop),
            drop_thinking=rules.drop_thinking | set(each.drop_thinking),
            efforts=each.efforts or rules.efforts,
            effort_with_tools=each.effort_with_tools or rules.effort_with_tools,
            tool_choices=each.tool_choices or rules.tool_choices,
            thinking_switch=each.thinking_switch or rules.thinking_switch,
        )
    return rules


def dropped_for(model: str, quirks: Quirks) -> frozenset[str]:
    """Fields that a model of the vendor is never sent."""
    rules = rules_for(model, quirks.models)
    return frozenset(quirks.drop) | (rules.drop if rules is not None else frozenset())


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def nearest(effort: Effort, known: Sequence[Effort]) -> Effort:
    """Of the efforts that a model knows the one that comes nearest, the greater of two."""
    wanted = _EFFORTS.index(effort)
    return min(known, key=lambda each: (abs(_EFFORTS.index(each) - wanted), -_EFFORTS.index(each)))


def _effort(wanted: Reasoning, limit: int | None) -> Effort:
    """A budget of tokens is the effort whose share of the output comes nearest."""
    if wanted.effort is not None:
        return wanted.effort
    if not wanted.budget or not limit:
        return "medium"
    share = wanted.budget / limit
    return min(("low", "medium", "high"), key=lambda each: abs(EFFORT_SHARE[each] - share))
