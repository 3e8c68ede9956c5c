"""A question answered by one JSON object: temperature 0, and a schema where the model is known to keep to one."""

from __future__ import annotations

from typing import Any

import msgspec

from tritium.chat import ChatRequest, collect
from tritium.errors import UpstreamRejected
from tritium.fusion.roster import Facts
from tritium.model import Call, Model, Role

_NOT_ABOUT_THE_FORMAT = frozenset((401, 402, 403, 404, 413, 429))


class JsonQuestion:
    """How one model is asked for objects of one schema, turn after turn.

    The caller's `provider` preferences hold for it too: a judge reads what the members read.
    """

    def __init__(
        self, model: Model, facts: Facts, name: str, schema: dict[str, Any], request: ChatRequest, max_tokens: int
    ) -> None:
        self._model = model
        self._format = None
        if facts.structured:
            self._format = {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
        self._provider = _preferences(request)
        self._max_tokens = output_tokens(facts, max_tokens)

    async def reply(self, messages: list[dict[str, str]], call: Call, role: Role) -> str:
        """What it says; asked once more without the schema if that is what it is refused for.

        Raises:
            TritiumError: it failed.
        """
        try:
            return await self._said(messages, call, role)
        except UpstreamRejected as fault:
            if self._format is None or fault.upstream_status in _NOT_ABOUT_THE_FORMAT:
                raise
        self._format = None
        return await self._said(messages, call, role)

    async def _said(self, messages: list[dict[str, str]], call: Call, role: Role) -> str:
        request = ChatRequest.build(
            self._model.id,
            messages,
            temperature=0,
            max_tokens=self._max_tokens,
            stream=True,
            response_format=self._format,
            provider=self._provider,
        )
        async with self._model.answer(request, call.child(role)) as chunks:
            return (await collect(chunks)).text


def object_of(**properties: Any) -> dict[str, Any]:
    """A schema, strict as OpenAI wants it: everything required, nothing else allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": object_of(**properties)}


def output_tokens(facts: Facts, wanted: int) -> int:
    """So many, but no more than a quarter of a small window."""
    return wanted if facts.context_tokens is None else max(min(wanted, facts.context_tokens // 4), 1)


def _preferences(request: ChatRequest) -> dict[str, Any] | None:
    """Who may be sent it; not what must be supported: what is asked here is not what the caller asked."""
    raw = request.fields.get("provider")
    given = None if raw is None else msgspec.json.decode(raw)
    return {key: value for key, value in given.items() if key != "require_parameters"} if given else None
