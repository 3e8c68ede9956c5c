"""Who trained a model, read from its name: hosts call the same weights by many names, a panel wants different makers.

The organisation before a slash decides where it is one that is known; else the family, which is the letters the name
begins with. What neither knows is its own maker.
"""

from __future__ import annotations

import functools
import re

_ORGANISATIONS = {
    "deepseek-ai": "deepseek",
    "google-gemini": "google",
    "meta-llama": "meta",
    "meta-models": "meta",
    "minimaxai": "minimax",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "qwen": "alibaba",
    "thudm": "zai",
    "x-ai": "xai",
    "xiaomimimo": "xiaomi",
    "z-ai": "zai",
    "zai-org": "zai",
    "zhipu": "zai",
    "zhipuai": "zai",
}
_FAMILIES = {
    "claude": "anthropic",
    "codestral": "mistral",
    "command": "cohere",
    "deepseek": "deepseek",
    "devstral": "mistral",
    "gemini": "google",
    "gemma": "google",
    "glm": "zai",
    "gpt": "openai",
    "grok": "xai",
    "kimi": "moonshotai",
    "llama": "meta",
    "magistral": "mistral",
    "mimo": "xiaomi",
    "minimax": "minimax",
    "ministral": "mistral",
    "mistral": "mistral",
    "mixtral": "mistral",
    "muse": "meta",
    "nemotron": "nvidia",
    "phi": "microsoft",
    "qwen": "alibaba",
}


@functools.lru_cache(maxsize=4096)  # each fusion asks of each of its members several times
def maker_of(model: str, host: str, *, of_many: bool = False) -> str:
    """The maker of `model`, which `host` serves under that name; `of_many`: the host trains none of what it serves."""
    *before, name = model.casefold().split("/")
    for each in before:
        organisation = each.lstrip("~@")
        if organisation in _KNOWN:
            return _ORGANISATIONS.get(organisation, organisation)
    letters = re.match(r"[a-z]+", name)
    family = letters.group() if letters else host
    if family in _FAMILIES:
        return _FAMILIES[family]
    if len(before) == 1:
        return before[0].lstrip("~@")
    return family if of_many else _ORGANISATIONS.get(host, host)


_KNOWN = frozenset((*_ORGANISATIONS, *_FAMILIES.values()))
