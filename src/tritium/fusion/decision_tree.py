"""How several answers will become one: a decision tree, each branch with its reason.

The contract comes first: the caller's tools, several choices, JSON, programs; then what was asked for; then what the
answer can be: closed ones are voted on, open ones judged and written anew (literature on self-consistency, agreement
gates and mixtures of agents).
"""

from __future__ import annotations

from typing import NamedTuple

from tritium.chat import ChatRequest
from tritium.fusion.answers import AnswerKind
from tritium.fusion.options import FusionOptions
from tritium.fusion.tool_policy import ToolTurn
from tritium.fusion.worth import why_not

CLOSED: frozenset[AnswerKind] = frozenset(("number", "option", "yes_no", "date", "short", "json"))
LONG_PROMPT_TOKENS = 100_000
"""Longer ones are answered once, unless a strategy was asked for: every seat would read them anew."""


class Branch(NamedTuple):
    strategy: str
    reason: str = ""


class Question(NamedTuple):
    """What the tree looks at."""

    request: ChatRequest
    options: FusionOptions
    kind: AnswerKind
    tools: ToolTurn
    members: int
    prompt_tokens: int
    judged: bool
    """Somebody is fit to judge."""


def decide(question: Question) -> Branch:
    """The strategy, and why."""
    return _for_one(question) or _for_tools(question) or _asked_for(question) or _by_kind(question)


def _for_one(q: Question) -> Branch | None:
    if q.tools.policy == "passthrough":
        return Branch("single")
    if (q.request.body.n or 1) > 1 or q.request.body.logprobs:
        return Branch("single", "several choices or log probabilities are one model's to give")
    if q.options.mode == "auto" and (why := why_not(q.request, q.kind)) is not None:
        return Branch("single", why)
    if not q.options.enabled or q.options.strategy == "single":
        return Branch("single", "one model was asked for")
    if q.options.strategy == "auto" and q.prompt_tokens > LONG_PROMPT_TOKENS:
        return Branch(
            "single", f"about {q.prompt_tokens:,} tokens are read once; name a strategy to have a panel read them"
        )
    return None


def _for_tools(q: Question) -> Branch | None:
    if q.tools.policy is None:
        return None
    if q.members == 1:
        return Branch("single", "there is one model to ask")
    return Branch("advise" if q.tools.policy == "advise" else "propose")


def _asked_for(q: Question) -> Branch | None:
    """What was asked for, where it can be done. `self` says who is asked, and leaves the rest to the answer's kind."""
    match q.options.strategy:
        case "vote" | "consensus" as asked:
            return Branch(asked, f"{asked} was asked for")
        case "cascade":
            return _cascade(q)
        case "analysis":
            return Branch("analysis", "only the analysis was asked for")
        case "field_vote" if q.kind == "json":
            return Branch("field_vote", "a vote by field was asked for")
        case "field_vote":
            return Branch("vote", "a vote by field was asked for, but the answer is no JSON: the answers are voted on")
        case "synthesize" if q.kind == "code":
            return _rank(q, "synthesis was asked for, but two programs are not spliced: one is picked")
        case "synthesize" if q.judged:
            return Branch("synthesize", "synthesis was asked for")
        case "synthesize":
            why = "no model here is fit to judge: the most central answer is taken instead of a synthesis"
            return Branch("consensus", why)
        case "rank":
            return _rank(q, "one answer is to be picked")
    return None


def _cascade(q: Question) -> Branch:
    if q.kind in CLOSED or q.kind == "code":
        return Branch("cascade", "cascade was asked for")
    why = "a cascade, but an open answer: agreement can't be told"
    if q.judged:
        return Branch("synthesize", f"{why}, cheap drafts are written anew instead")
    return Branch("consensus", f"{why}, and no model here is fit to judge: the most central answer is taken")


def _rank(q: Question, reason: str) -> Branch:
    if q.judged:
        return Branch("rank", reason)
    return Branch("consensus", f"{reason}, but no model here is fit to judge: the most central answer is taken")


def _by_kind(q: Question) -> Branch:
    if q.kind == "json":
        return Branch("field_vote", "JSON is voted on field by field")
    if q.kind in CLOSED:
        return Branch("vote", "a closed answer is voted on")
    if q.kind == "code":
        return _rank(q, "two programs are never spliced: one is picked")
    if not q.judged:
        return Branch(
            "consensus", "an open answer, and no model here is fit to judge: the most central answer is taken"
        )
    return Branch("synthesize", "an open answer is judged and written anew")
