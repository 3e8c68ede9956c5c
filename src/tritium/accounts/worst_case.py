"""What a provider call may cost at most, as far as can be told before it is made.

The prompt by its bytes, the answer by its cap, or by `OUTPUT_TOKENS` where there is none. A call can cost more than
this: an uncapped answer may be longer, and an image may be dearer.
"""

from __future__ import annotations

from tritium.chat import ChatRequest, Usage

BYTES_PER_TOKEN = 3
"""Deliberately few: a worst case must not be too low. English has about four; one Chinese character has three."""
OUTPUT_TOKENS = 4096
IMAGE_TOKENS = 2_000
"""An image is billed by its size in pixels; its bytes say nothing."""
_SPARE_TOKENS = 8


def worst_case(request: ChatRequest) -> Usage:
    """Tokens in and out."""
    return Usage(input=prompt_tokens(request), output=(request.output_limit or OUTPUT_TOKENS) * (request.body.n or 1))


def prompt_tokens(request: ChatRequest) -> int:
    """Tokens of the messages and tools, rather too many than too few."""
    fields = request.fields
    size = len(fields["messages"]) + (len(fields["tools"]) if "tools" in fields else 0)
    images = 0
    for message in request.body.messages:
        if isinstance(message.content, list):
            for part in message.content:
                if part.type == "image_url":
                    images += 1
                    size -= _url_bytes(part.image_url)
    return max(size, 0) // BYTES_PER_TOKEN + images * IMAGE_TOKENS + _SPARE_TOKENS


def _url_bytes(image: object) -> int:
    url = image.get("url") if isinstance(image, dict) else image
    return len(url) if isinstance(url, str) else 0
