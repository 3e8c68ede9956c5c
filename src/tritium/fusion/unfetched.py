"""What a judge says, without what whoever shows it would fetch unasked: images are how a text sends data elsewhere."""

from __future__ import annotations

import re
from typing import Any

_IMAGE = re.compile(r"!\[([^\]\n]{0,200})\](?:\([^)\n]{0,2000}\)?|\[[^\]\n]{0,200}\])?")
_ELEMENT = re.compile(
    r"<\s{0,9}/?\s{0,9}(?:img|image|iframe|script|object|embed|link|style|svg|video|audio|source|base|meta|form|input)"
    r"\b[^<>]{0,2000}>?",
    re.IGNORECASE,
)


def unfetched(value: Any) -> Any:
    """JSON whose strings have neither Markdown images nor HTML elements that load something; a note in their place."""
    if isinstance(value, str):
        if "![" not in value and "<" not in value:
            return value
        return _ELEMENT.sub("[element left out]", _IMAGE.sub(_noted, value))
    if isinstance(value, list):
        return [unfetched(each) for each in value]
    if isinstance(value, dict):
        return {unfetched(key): unfetched(each) for key, each in value.items()}
    return value


def _noted(image: re.Match[str]) -> str:
    return f"[image left out: {image[1]}]" if image[1] else "[image left out]"
