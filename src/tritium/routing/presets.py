"""Presets: a request's settings kept under a name, as `@preset/slug`, `model@preset/slug` or the field `preset`.

Format and rules: OpenRouter's presets. A request's own fields win, whole, over the preset's; tools of both are offered,
those of one name once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, suggestion

MARK = "@preset/"


class Preset(Struct, frozen=True):
    """What a request gets that names it."""

    model: str | None = None
    models: tuple[str, ...] = ()
    system_prompt: str | None = None
    provider: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def names_preset(request: ChatRequest) -> bool:
    return "preset" in request.fields or MARK in request.model


def with_preset(request: ChatRequest, presets: Mapping[str, Preset]) -> ChatRequest:
    """The request with its preset laid under it, and no longer naming one.

    Raises:
        InvalidRequest: there is no such preset, two are named, or it leaves the model open.
    """
    model, _, slug = request.model.partition(MARK)
    slug = _the_one(slug, request.fields.get("preset"))
    preset = presets.get(slug)
    if preset is None:
        raise InvalidRequest(
            f"There is no preset {slug!r}.{suggestion(slug, presets)} Presets stand under [presets.NAME] in the "
            "configuration.",
            param="preset",
        )
    changes = _laid_under(request, preset)
    if not model:
        chosen = [preset.model] if preset.model else []
        chosen += preset.models
        if not chosen:
            raise InvalidRequest(f"The preset {slug!r} names no model: say which, as 'author/model@preset/{slug}'.")
        model = chosen[0]
        if "models" not in request.fields and len(chosen) > 1:
            changes["models"] = chosen[1:]
    return request.replace(**changes, model=model, preset=None)


def _the_one(named: str, raw: msgspec.Raw | None) -> str:
    given = None if raw is None else msgspec.json.decode(raw)
    if given is None:
        return named
    if not isinstance(given, str):
        raise InvalidRequest("'preset' is the name of a preset.", param="preset")
    given = given.removeprefix(MARK)
    if named and given != named:
        raise InvalidRequest(f"The request names two presets, {named!r} and {given!r}; name one.", param="preset")
    return given


def _laid_under(request: ChatRequest, preset: Preset) -> dict[str, Any]:
    fields = request.fields
    changes = {name: value for name, value in preset.parameters.items() if name not in fields}
    if preset.provider and "provider" not in fields:
        changes["provider"] = preset.provider
    if preset.tools:
        changes["tools"] = _united(preset.tools, request.body.tools or [])
    if preset.system_prompt and not any(each.role in ("system", "developer") for each in request.body.messages):
        said: list[msgspec.Raw] = msgspec.json.decode(fields["messages"], type=list[msgspec.Raw])
        changes["messages"] = [{"role": "system", "content": preset.system_prompt}, *said]
    return changes


def _united(ours: tuple[Mapping[str, Any], ...], theirs: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """The request's first; of the preset's those that it doesn't bring itself."""
    known = {_identity(tool) for tool in theirs}
    return [*theirs, *(tool for tool in ours if _identity(tool) not in known)]


def _identity(tool: Mapping[str, Any]) -> tuple[str, str]:
    """A function by its name; a server tool by its type, and by its name where several may stand side by side."""
    kind = str(tool.get("type", "function"))
    inner = tool.get("function") if kind == "function" else tool.get("parameters")
    several = kind == "function" or kind.rpartition(":")[2] in ("advisor", "subagent")
    return kind, str(inner.get("name", "")) if several and isinstance(inner, Mapping) else ""
