"""Where a vendor's answers and vectors come from: its wire format, its endpoints, what authorises a request there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tritium.catalog.capabilities import capabilities
from tritium.catalog.parameters import refused_parameters
from tritium.providers.anthropic import AnthropicFormat
from tritium.providers.aws_signature import ACCESS_KEY_ID, read_credentials
from tritium.providers.bedrock import BedrockFormat
from tritium.providers.gemini import GeminiFormat
from tritium.providers.keys import read_keys
from tritium.providers.openai import OpenAIFormat
from tritium.providers.registry import Vendor
from tritium.providers.source import HttpSource
from tritium.providers.token_command import TokenCommand, TokenSource, TokenVectors
from tritium.providers.transport import Timeouts, Transport
from tritium.providers.upstream import Source
from tritium.providers.vector_http import HttpVectors
from tritium.providers.vectors import VectorSource
from tritium.providers.vertex import OPENAI_PATH, VertexClaude, VertexGemini, VertexSource
from tritium.providers.wire import WireFormat


class Sources(NamedTuple):
    """A vendor's; it may have no vectors."""

    answers: Source
    vectors: VectorSource | None


def vendor_sources(
    provider: str, row: Vendor, environment: Mapping[str, str], transport: Transport, timeouts: Timeouts
) -> Sources:
    """Those of a row that is switched on."""

    def endpoint(wire: WireFormat, path: str = "") -> HttpSource:
        return HttpSource(
            provider,
            base_url=row.base_url + path,
            key=row.key(environment),
            spare_keys=() if row.token_command else read_keys(row.keys, environment)[1:],
            wire=wire,
            transport=transport,
            timeouts=timeouts,
            headers=tuple((name.lower().encode(), value.encode()) for name, value in row.headers.items()),
        )

    if row.format == "vertex":
        gemini, claude = endpoint(VertexGemini()), endpoint(VertexClaude())
        others = endpoint(_openai(provider, row), OPENAI_PATH)
        chosen: Source = VertexSource(gemini=gemini, claude=claude, others=others)
        return _kept_fresh(provider, row, chosen, (gemini, claude, others), None)
    only = endpoint(_wire(provider, row, environment))
    return _kept_fresh(provider, row, only, (only,), _vectors(row, only))


def _kept_fresh(
    provider: str, row: Vendor, source: Source, endpoints: tuple[HttpSource, ...], vectors: VectorSource | None
) -> Sources:
    """The sources with a token that is fetched in time, if the row's key is one."""
    if not row.token_command:
        return Sources(source, vectors)
    tokens = TokenCommand(provider, row.token_command, seconds=row.token_seconds)
    fresh = TokenSource(source, endpoints, tokens)
    return Sources(fresh, TokenVectors(vectors, fresh) if vectors is not None else None)


def _wire(provider: str, row: Vendor, environment: Mapping[str, str]) -> WireFormat:
    if row.format == "anthropic":
        return AnthropicFormat()
    if row.format == "gemini":
        return GeminiFormat()
    if row.format == "bedrock":
        variable = next(iter(row.keys), "")
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        return BedrockFormat(
            base_url=row.base_url,
            region=region,
            credentials=read_credentials(variable, environment),
            signs=variable.endswith(ACCESS_KEY_ID),
        )
    return _openai(provider, row)


def _openai(provider: str, row: Vendor) -> OpenAIFormat:
    return OpenAIFormat(row.quirks, lambda model: refused_parameters(capabilities(provider, model)))


def _vectors(row: Vendor, source: HttpSource) -> VectorSource | None:
    compatible = row.format == "openai"
    embeddings = row.embeddings_url or (f"{row.base_url}/embeddings" if compatible else None)
    rerank = row.rerank_url or (f"{row.base_url}/rerank" if compatible else None)
    if embeddings is None and rerank is None:
        return None
    openrouter = row.quirks.openrouter_fields
    return HttpVectors(
        source, embeddings_url=embeddings, rerank_url=rerank, top_n=row.quirks.top_n, openrouter_fields=openrouter
    )
