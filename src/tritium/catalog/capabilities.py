"""What a model can do, from a kept snapshot of the models.dev catalogue; read once, fetched never.

What the snapshot doesn't know is not claimed: an unknown model takes text, gives text, and promises no more than every
chat API does.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files

import msgspec
from msgspec import Struct
from msgspec.structs import replace

_ALWAYS = ("max_tokens", "stop")
_PARAMETERS = {
    "temperature": ("temperature", "top_p"),
    "seed": ("seed",),
    "tools": ("tools", "tool_choice"),
    "structured": ("response_format", "structured_outputs"),
    "reasoning": ("reasoning", "include_reasoning", "reasoning_effort"),
}
"""Ability to the names of OpenRouter's `supported_parameters`."""


class Capabilities(Struct, frozen=True):
    """One model's; `abilities` are keys of the table above, modalities as OpenRouter names them."""

    abilities: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    context_tokens: int | None = None
    output_tokens: int | None = None
    refused: frozenset[str] = frozenset()
    """Parameters that this provider doesn't take, whatever the model."""
    known: bool = True
    """False where nobody has said what it can do, and the rest is what may be promised of any model."""

    def without(self, parameters: Collection[str]) -> Capabilities:
        """The same at a provider that doesn't take these."""
        return replace(self, refused=frozenset(parameters)) if parameters else self

    @property
    def parameters(self) -> list[str]:
        """OpenRouter's `supported_parameters`."""
        if "text" not in self.outputs:
            return []
        given = [name for ability, names in _PARAMETERS.items() if ability in self.abilities for name in names]
        return [name for name in (*_ALWAYS, *given) if name not in self.refused]


UNKNOWN = Capabilities(frozenset(("temperature",)), known=False)
LOCAL_SERVER = Capabilities(frozenset(("temperature", "seed")), known=False)
"""Ollama, llama.cpp, vLLM and LM Studio take these of any model; tools depend on its template."""
EMBEDDED = Capabilities(frozenset(("temperature", "seed", "structured")))
"""llama.cpp in this process's care: schemas become grammars; there are no tools."""
FUSION = Capabilities(frozenset(("temperature", "tools", "structured")))
"""Tools go to whom the fusion's `tools` says; schemas are passed to every member."""
EMBEDDINGS = Capabilities(outputs=("embeddings",))


class _Snapshot(Struct):
    taken: str
    vendors: dict[str, dict[str, tuple[int | None, int | None, str, str, str]]]


@lru_cache(4096)  # bounded, as callers may invent names
def capabilities(provider: str, model: str) -> Capabilities | None:
    """What a provider's model can do; None if the snapshot doesn't have it."""
    found = _snapshot().vendors.get(provider, {}).get(model)
    if found is None:
        return None
    context, output, abilities, inputs, outputs = found
    return Capabilities(
        frozenset(abilities.split()), _modalities(inputs), _modalities(outputs) or ("text",), context, output
    )


def taken_on() -> str:
    """The snapshot's day, as `2026-08-18`."""
    return _snapshot().taken


def _modalities(words: str) -> tuple[str, ...]:
    """models.dev says `pdf` where OpenRouter says `file`."""
    return tuple("file" if word == "pdf" else word for word in words.split())


@lru_cache(1)
def _snapshot() -> _Snapshot:
    data = files("tritium.catalog").joinpath("capabilities.json").read_bytes()
    return msgspec.json.decode(data, type=_Snapshot)
