"""Whether a request is worth a panel, told without asking anybody: `mode = "auto"`.

Clients send more than questions: titles for chats, tags, turns of an agent, a word of thanks. None of these gets better
by being answered several times.
"""

from __future__ import annotations

import re

from tritium.chat import ChatRequest
from tritium.fusion.answer_kind import AnswerKind
from tritium.fusion.tool_turns import answers_tools

FEW_TOKENS = 64
"""An answer that may be no longer is a title or a tag, unless it is of a closed kind."""
SHORT_CHARACTERS = 40
_ASKS = re.compile(
    "[?\uff1f\u00bf\\d]|\\b(?:who|what|when|where|why|which|how|prove|compute|solve|write|explain|list)\\b",
    re.IGNORECASE,
)


def why_not(request: ChatRequest, kind: AnswerKind) -> str | None:
    """Why one model is enough; None if a panel may do better."""
    if answers_tools(request):
        return "one model is enough: this turn answers tool results (mode 'auto')"
    if kind != "open":
        return None
    limit = request.output_limit
    if limit is not None and limit <= FEW_TOKENS:
        return f"one model is enough: at most {limit} tokens are wanted (mode 'auto')"
    question = request.question().strip()
    if len(question) < SHORT_CHARACTERS and not _ASKS.search(question):
        return "one model is enough: this is a short remark, and asks nothing (mode 'auto')"
    return None
