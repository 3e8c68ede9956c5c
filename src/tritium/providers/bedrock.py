"""Amazon Bedrock's Converse on the wire: a chat as messages of blocks, one form for the models of many makers.

Format: Amazon Bedrock API reference, `Converse` and `ConverseStream` (2023-09-30), with the user guide's pages on
prompt caching, tool use, structured outputs, and thinking of Claude and Nova. A request is authorised by a Bedrock API
key, or signed by an access key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import UpstreamUnavailable
from tritium.providers.anthropic_answer import THOUGHT_FORMAT
from tritium.providers.aws_events import AwsEventDecoder
from tritium.providers.aws_signature import Credentials, Scope, signature_headers
from tritium.providers.bedrock_answer import BedrockReader
from tritium.providers.bedrock_blocks import Makers, message_blocks, system_blocks, tool_config
from tritium.providers.betas import allowed_betas
from tritium.providers.claude import Claude, Thinking, unfinished
from tritium.providers.claude_json import enforceable, told_json
from tritium.providers.controls import Controls, Reasoning, given, read_controls
from tritium.providers.functions import read_offer
from tritium.providers.transport import Target
from tritium.providers.turns import read_turns
from tritium.providers.wire import Reader, WireRequest

_VENDOR = "Bedrock"
_SERVICE = "bedrock"
_THEIRS = (
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
)
"""Converse's own fields: a caller who knows them gets them passed on."""

_NOVA_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium"}
_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_encode = msgspec.json.Encoder().encode


class BedrockFormat:
    """The format. With `credentials` requests are signed; otherwise the key is sent as a bearer token."""

    framing = AwsEventDecoder

    def __init__(
        self,
        *,
        base_url: str,
        region: str | None = None,
        credentials: Credentials | None = None,
        signs: bool = False,
    ) -> None:
        """`region` is asked only where the address doesn't name it; `signs` says that credentials were meant."""
        address = Target.parse(base_url)
        self._host, self._prefix = address.host_header, address.path.rstrip("/")
        found = _REGION.search(self._host)
        self._region = found[1] if found is not None else region
        self._credentials = credentials
        self._signs = signs or credentials is not None

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        path = f"/model/{quote(model, safe='')}/{'converse-stream' if streaming else 'converse'}"
        body = _encode(_body(request, model))
        if self._signs:
            return WireRequest(path, self._signature(path, body), body)
        headers = ((b"authorization", b"Bearer " + key.encode()),) if key else ()
        return WireRequest(path, headers, body)

    def reader(self, provider: str) -> Reader:
        return BedrockReader(provider)

    def error_message(self, body: bytes) -> str | None:
        try:
            found = _decode_error(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return found.message or found.Message

    def _signature(self, path: str, body: bytes) -> tuple[tuple[bytes, bytes], ...]:
        if self._credentials is None or self._region is None:
            raise UpstreamUnavailable(
                f"{_SERVICE}: an access key needs its secret and a region: set AWS_SECRET_ACCESS_KEY and AWS_REGION.",
                provider=_SERVICE,
            )
        scope = Scope(self._region, _SERVICE)
        signed = signature_headers(
            "POST", self._host, self._prefix + path, body, credentials=self._credentials, scope=scope
        )
        return tuple((name.encode(), value.encode()) for name, value in signed)


class _Error(Struct):
    message: str | None = None
    Message: str | None = None
    """Some of AWS's front ends write it so."""


_decode_error = msgspec.json.Decoder(_Error).decode


def _body(request: ChatRequest, model: str) -> dict[str, Any]:
    controls = read_controls(request, _VENDOR)
    conversation = read_turns(request, _VENDOR, thought_format=THOUGHT_FORMAT)
    offer = read_offer(request)
    makers, claude = Makers.named(model), Claude.named(model)
    free = not offer.forced and not unfinished(conversation)
    thinking = claude.think(controls.reasoning, controls.output_limit, free=free)
    told = told_json(controls.json_schema, claude)
    marked = given(request, "cache_control", dict[str, Any]) is not None
    fields: dict[str, Any] = {
        "messages": message_blocks(conversation, makers, prefill=claude.prefill, marked=marked),
        "system": system_blocks([*conversation.system, *told], makers),
        "inferenceConfig": _inference_config(controls, makers, claude, thinking),
        "toolConfig": tool_config(offer, conversation, makers, strict=claude.structured),
        "outputConfig": _output_config(controls, makers, claude, thinking),
        "additionalModelRequestFields": _additional(request, controls, makers, claude, thinking),
    }
    fields |= {name: given(request, name, Any) for name in _THEIRS if name in request.fields}
    return {name: value for name, value in fields.items() if value}


def _inference_config(controls: Controls, makers: Makers, claude: Claude, thinking: Thinking) -> dict[str, Any]:
    """The vendor's own default is the longest output there is, so that none is named but the caller's.

    A budget of thoughts needs one.
    """
    budgeted = makers.claude and thinking.config is not None and "budget_tokens" in thinking.config
    config: dict[str, Any] = {
        "maxTokens": thinking.max_tokens if budgeted else controls.output_limit,
        "stopSequences": controls.stop or None,
    }
    if not makers.claude or (claude.sampling and not thinking.on):
        config["temperature"] = None if controls.temperature is None else min(controls.temperature, 1.0)
        both = controls.temperature is not None and controls.top_p is not None
        config["topP"] = None if makers.claude and claude.one_sampler and both else controls.top_p
    return {name: value for name, value in config.items() if value is not None}


def _output_config(controls: Controls, makers: Makers, claude: Claude, thinking: Thinking) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if not makers.claude:
        return config
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    if controls.json_schema and claude.structured:
        schema = {"schema": _encode(enforceable(controls.json_schema)).decode(), "name": "answer"}
        config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    return config


def _additional(
    request: ChatRequest, controls: Controls, makers: Makers, claude: Claude, thinking: Thinking
) -> dict[str, Any]:
    """What Converse has no words for, in the model's own; the caller's win."""
    fields: dict[str, Any] = {}
    if makers.claude:
        fields["thinking"] = thinking.config
        fields["anthropic_beta"] = allowed_betas(request) or None
        if claude.sampling and not thinking.on:
            fields["top_k"] = controls.top_k
    elif makers.nova:
        if controls.top_k is not None:
            fields["inferenceConfig"] = {"topK": controls.top_k}
        if makers.nova_thinks and controls.reasoning is not None:
            fields["reasoningConfig"] = _nova_reasoning(controls.reasoning, controls)
    fields |= given(request, "additionalModelRequestFields", dict[str, Any]) or {}
    return {name: value for name, value in fields.items() if value is not None}


def _nova_reasoning(asked: Reasoning, controls: Controls) -> dict[str, str]:
    """At its highest effort Nova takes neither a cap of the output nor sampling, so one with either stays below."""
    if asked.off:
        return {"type": "disabled"}
    bound: Sequence[Any] = (controls.output_limit, controls.temperature, controls.top_p, controls.top_k)
    highest = "high" if all(each is None for each in bound) else "medium"
    effort = "medium" if asked.effort is None else _NOVA_EFFORTS.get(asked.effort, highest)
    return {"type": "enabled", "maxReasoningEffort": effort}
