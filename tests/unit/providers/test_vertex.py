"""Requests as Vertex AI takes them: whose model it is decides the dialect and the path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.config import Config
from tritium.providers.anthropic import AnthropicFormat
from tritium.providers.gemini import GeminiFormat
from tritium.providers.registry import vendors
from tritium.providers.vertex import VertexClaude, VertexGemini, VertexSource

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
TOKEN = (b"authorization", b"Bearer ya29.x")


def asked(**fields: Any) -> ChatRequest:
    return ChatRequest.build("ours", QUESTION, **fields)


@pytest.mark.parametrize(
    ("model", "streaming", "path"),
    [
        ("gemini-3.8-flash", True, "/publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse"),
        ("gemini-3.8-flash", False, "/publishers/google/models/gemini-3.8-flash:generateContent"),
        ("google/gemini-4-argon", False, "/publishers/google/models/gemini-4-argon:generateContent"),
        ("endpoints/12/3", True, "/endpoints/12%2F3:streamGenerateContent?alt=sse"),
    ],
)
def test_gemini_is_asked_as_elsewhere_but_below_its_publisher(model: str, streaming: bool, path: str) -> None:
    request = asked(temperature=0.5)

    wire = VertexGemini().to_wire(request, model, streaming=streaming, key="ya29.x")

    assert (wire.path, wire.headers) == (path, (TOKEN,))
    plain = GeminiFormat().to_wire(request, model.removeprefix("google/"), streaming=streaming, key=None)
    assert wire.body == plain.body


@pytest.mark.parametrize(
    ("model", "streaming", "path"),
    [
        ("claude-opus-5-5", True, "/publishers/anthropic/models/claude-opus-5-5:streamRawPredict"),
        (
            "anthropic/claude-sonnet-4-5@20250929",
            False,
            "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        ),
    ],
)
def test_claude_is_asked_as_elsewhere_but_for_its_name_and_version(model: str, streaming: bool, path: str) -> None:
    request = asked(max_tokens=9, anthropic_beta=["context-1m-2025-08-07", "files-api-2025-04-14"])

    wire = VertexClaude().to_wire(request, model, streaming=streaming, key="ya29.x")

    assert (wire.path, wire.headers) == (path, (TOKEN, (b"anthropic-beta", b"context-1m-2025-08-07")))
    name = model.removeprefix("anthropic/")
    plain = json.loads(AnthropicFormat().to_wire(request, name, streaming=streaming, key=None).body)
    assert plain.pop("model") == name
    assert json.loads(wire.body) == {**plain, "anthropic_version": "vertex-2023-10-16"}


def test_an_error_of_either_shape_is_quoted() -> None:
    theirs = b'{"type":"error","error":{"type":"invalid_request_error","message":"no such model"}}'
    googles = b'[{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}]'

    assert VertexClaude().error_message(theirs) == "no such model"
    assert VertexClaude().error_message(googles) == "Permission denied"
    assert VertexGemini().error_message(googles) == "Permission denied"


class Named:
    """A source that says its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, request: Any, model: str, call: Any) -> Any:
        return self.name


@pytest.mark.parametrize(
    ("model", "whose"),
    [
        ("gemini-3.8-flash", "gemini"),
        ("google/gemini-4-argon", "gemini"),
        ("endpoints/123", "gemini"),
        ("claude-opus-5-5", "claude"),
        ("anthropic/claude-opus-5-5", "claude"),
        ("xai/grok-4.20-reasoning", "others"),
        ("meta/llama-4-maverick-17b-128e-instruct-maas", "others"),
    ],
)
def test_a_models_name_says_whose_dialect_it_speaks(model: str, whose: str) -> None:
    source = VertexSource(gemini=Named("gemini"), claude=Named("claude"), others=Named("others"))

    assert source.open(asked(), model, None) == whose  # type: ignore[comparison-overlap, arg-type]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
    ],
)
def test_the_address_is_that_of_the_location(location: str, host: str) -> None:
    rows = vendors(Config(), {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": location})

    assert rows["vertex"].base_url == f"https://{host}/v1beta1/projects/p/locations/{location}"
    assert vendors(Config(), {})["vertex"].needs == ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_PROJECT")
