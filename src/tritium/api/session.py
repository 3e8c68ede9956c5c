"""A request's session by header: `x-session-id`, for clients that can't put a `session_id` into the body.

Format: OpenRouter's; the body's own `session_id` wins.
"""

from __future__ import annotations

from msgspec import Raw

from tritium.api.visit import Visit
from tritium.chat import ChatRequest

_NULL = Raw(b"null")


def in_session(visit: Visit, request: ChatRequest) -> ChatRequest:
    """The request, with the header's session in it if it names none itself."""
    given = visit.header(b"x-session-id")
    if not given or request.fields.get("session_id", _NULL) != _NULL:
        return request
    return request.replace(session_id=given)
