"""The schemas of request bodies, from the very types that read them.

A field that no type here reads is passed on to the provider, so bodies are open unless their type refuses strangers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tritium.api.auth import CodeWish, Redemption
from tritium.api.keys import KeyWish
from tritium.api.legacy_completions import PromptBody
from tritium.api.messages.request import MessagesBody
from tritium.api.responses.request import Body as ResponsesBody
from tritium.chat import ChatBody
from tritium.fusion.options import FusionOptions
from tritium.providers.vectors import EmbeddingBody, RerankBody
from tritium.routing.preferences import Preferences

PLACE = "#/components/schemas/"


def request_schemas() -> dict[str, Any]:
    """Components by name."""
    found = {
        **_named("Chat", ChatBody),
        **_named("Prompt", PromptBody),
        **_named("Responses", ResponsesBody),
        **_named("Messages", MessagesBody),
        **_named("Embedding", EmbeddingBody),
        **_named("Rerank", RerankBody),
        **_named("Key", KeyWish),
        **_named("Code", CodeWish),
        **_named("Redemption", Redemption),
        **_named("Provider", Preferences),
        **_named("Fusion", FusionOptions),
    }
    chat, prompt = found.pop("Chat.ChatBody"), found.pop("Prompt.PromptBody")
    found["ChatRequest"] = _asked(chat, ["messages"])
    inherited = {name: schema for name, schema in chat["properties"].items() if name not in ("messages", "logprobs")}
    found["CompletionRequest"] = _asked({**prompt, "properties": {**inherited, **prompt["properties"]}}, ["prompt"])
    found["ResponsesRequest"] = _with(found.pop("Responses.Body"), _routing())
    found["MessagesRequest"] = _asked(found.pop("Messages.MessagesBody"), ["messages"])
    found["EmbeddingRequest"] = found.pop("Embedding.EmbeddingBody")
    found["RerankRequest"] = found.pop("Rerank.RerankBody")
    options = found["Fusion.FusionOptions"]
    wish = {name: schema for name, schema in options["properties"].items() if name not in ("panel", "bench")}
    more = {"model": {"type": "string"}, "stream": {"type": ["boolean", "null"]}}
    found["ReplayRequest"] = {**options, "properties": {**wish, **more}}
    found["KeyRequest"] = found.pop("Key.KeyWish")
    found["NewKeyRequest"] = {**found["KeyRequest"], "required": ["name"]}
    found["CodeRequest"] = found.pop("Code.CodeWish")
    found["CodeRedemption"] = found.pop("Redemption.Redemption")
    return found


def _named(prefix: str, kind: Any) -> dict[str, Any]:
    """A type and those within it. Their docstrings are for readers of the code."""
    _, found = msgspec.json.schema_components([kind], ref_template=f"{PLACE}{prefix}.{{name}}")
    return {f"{prefix}.{name}": _without(schema, ("title", "description")) for name, schema in found.items()}


def _without(schema: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in names}


def _with(schema: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], **fields}}


def _asked(schema: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """A request to a model, which is named, or is the first of several, or is a preset's."""
    fields = {
        **_routing(),
        "models": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "preset": {"type": "string", "minLength": 1},
    }
    ways = [{"required": [name]} for name in ("model", "models", "preset")]
    return {**_with(schema, fields), "required": required, "anyOf": ways}


def _routing() -> dict[str, Any]:
    """What any request to a model may say besides its dialect's own fields."""
    return {
        "provider": {"anyOf": [{"type": "null"}, {"$ref": f"{PLACE}Provider.Preferences"}]},
        "fusion": {"anyOf": [{"type": "null"}, {"$ref": f"{PLACE}Fusion.FusionOptions"}]},
    }
