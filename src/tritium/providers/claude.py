"""What each generation of Claude accepts, and how it is told to think.

A model of another name is held to speak the format as it was before Claude 4.6, which is what the vendors document
that took it over. A Claude whose name holds no number counts as the newest.
Source: Anthropic's migration guides and its table of thinking support (4.6 to 5.5), as of November 2026.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tritium.providers.controls import EFFORT_SHARE, Reasoning
from tritium.providers.thoughts import Thought
from tritium.providers.turns import Conversation, ToolResult

ANSWER_TOKENS = 8192
"""The output cap where the caller names none; the format demands one."""

THINKING_TOKENS = 24_576
"""Added to it where the model thinks, since its thoughts count as output."""

_LEAST_BUDGET = 1024
_LARGEST_SHARE = 0.95
_NAME = re.compile(r"claude-(?:([a-z]+)-)?(\d+)(?:[-.](\d{1,2}))?(?:\D|$)")
_OFF = {
    ("opus", (5, 0)): "disabled",
    ("sonnet", (5, 0)): "disabled",
    ("haiku", (5, 5)): "disabled",
    ("sonnet", (5, 5)): "between_tools",
}
"""The only models that think unless told not to, and can be told."""


class Thinking(NamedTuple):
    """How the request says it: the output cap, the `thinking` object and `output_config.effort`."""

    max_tokens: int
    config: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        return self.config is not None and self.config["type"] in ("adaptive", "enabled")


class Claude(NamedTuple):
    """A model by what its name tells."""

    family: str | None
    version: tuple[int, int]

    @classmethod
    def named(cls, model: str) -> Claude:
        if "claude" not in model:
            return cls(None, (0, 0))
        found = _NAME.search(model)
        if found is None:
            return cls(None, (99, 0))
        return cls(found[1], (int(found[2]), int(found[3] or 0)))

    @property
    def adaptive(self) -> bool:
        """Decides itself how much to think, within an effort; the others get a budget of tokens."""
        return self.version >= (4, 6)

    @property
    def prefill(self) -> bool:
        """Continues an unfinished assistant message; the others answer it with a 400."""
        return self.version < (4, 6)

    @property
    def sampling(self) -> bool:
        """Takes temperature, top_p and top_k; the others answer them with a 400."""
        return self.version < (4, 7)

    @property
    def one_sampler(self) -> bool:
        """Refuses temperature and top_p together."""
        return self.version >= (4, 1)

    @property
    def structured(self) -> bool:
        """Takes `output_config.format` and strict tools."""
        return self.version >= (4, 5)

    def think(self, asked: Reasoning | None, limit: int | None, *, free: bool) -> Thinking:
        """The caller's wish in the model's terms.

        Args:
            asked: what the caller wants, if anything.
            limit: the caller's output cap.
            free: nothing in the request rules a thinking budget out, as a forced tool call does.
        """
        if self.adaptive:
            return self._adapt(asked, limit)
        wanted = asked is not None and not asked.off and free and not (0, 0) < self.version < (3, 7)
        if asked is None or not wanted:
            return Thinking(limit or ANSWER_TOKENS)
        room = limit or THINKING_TOKENS
        budget = asked.budget or int(room * EFFORT_SHARE[asked.effort or "medium"])
        if limit is not None:
            budget = min(budget, int(limit * _LARGEST_SHARE))
        budget = max(budget, _LEAST_BUDGET)
        if limit is not None and limit <= budget:
            return Thinking(limit)
        return Thinking(limit or budget + ANSWER_TOKENS, {"type": "enabled", "budget_tokens": budget})

    def _adapt(self, asked: Reasoning | None, limit: int | None) -> Thinking:
        thinks = self.version >= (5, 0) or (asked is not None and not asked.off)
        limit = limit or ANSWER_TOKENS + (THINKING_TOKENS if thinks else 0)
        if asked is None:
            return Thinking(limit)
        if asked.off:
            off = _OFF.get((self.family or "", self.version))
            if off is not None:
                return Thinking(limit, {"type": off})
            return Thinking(limit, None, "low" if self.version >= (5, 0) else None)
        effort = {None: None, "minimal": "low"}.get(asked.effort, asked.effort)
        if effort == "xhigh" and self.version < (4, 7):
            effort = "high"
        return Thinking(limit, {"type": "adaptive", "display": "summarized" if asked.shown else "omitted"}, effort)


def unfinished(conversation: Conversation) -> bool:
    """The assistant's last turn is to be continued, and doesn't begin with the thoughts it once had.

    A thinking budget then draws a 400: a prefilled turn has no thoughts, nor has one whose tool calls are being
    answered by a caller that threw them away.
    """
    last = conversation.turns[-1]
    if last.role == "user" and any(isinstance(part, ToolResult) for part in last.parts):
        last = conversation.turns[-2] if len(conversation.turns) > 1 else last
    return last.role == "assistant" and not isinstance(last.parts[0], Thought)
