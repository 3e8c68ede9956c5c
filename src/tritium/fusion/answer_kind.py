"""What kind of answer a request asks for, read off its words; whatever leaves a doubt is `open`.

Closed kinds are voted on and open ones are judged and written anew, so a wrong "closed" costs an answer and a wrong
"open" only money. The patterns know English; other languages are open, unless they list options or ask for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from tritium.fusion.canonical.characters import folded, visible
from tritium.fusion.canonical.multiple_choice import options_in
from tritium.fusion.canonical.stated import sentences

AnswerKind = Literal["number", "option", "yes_no", "date", "short", "json", "code", "open"]


class Kind(NamedTuple):
    """The kind of an answer, and why it is thought to be that."""

    kind: AnswerKind
    reason: str


QUESTION_ENDS = 3_000
"""Characters read at the beginning and at the end of a question: the task stands before or behind its material."""
FACT_WORDS = 22
"""A question after a single fact is no longer than this, and all that is said with it no longer than twice that."""

_OUTPUT = r"(?:as|in|to|into|return|output|produce|respond with|reply with|generate)"
_JSON_ASKED = re.compile(
    rf"\b{_OUTPUT}\s(?:(?:a|an|the|only|valid|raw|strict|following|single|your answer in)\s){{0,4}}json\b"
)
_ANSWER_FIELD = re.compile(r"[\"'`]answer[\"'`]")
_WORKING_FIELD = re.compile(r"[\"'`](?:reasoning|explanation|thoughts?|steps)[\"'`]")

_CODE_BEGUN = re.compile(r"(?:^|\n)def \w{1,80}\([^\n]{0,300}\n\s{1,8}(?:\"\"\"|''')")
_CODE_FIRST = re.compile(r"\s{0,20}(?:from |import |def |class |@|#)")
_CODE_ASKED = re.compile(
    r"\b(?:write|implement|create|complete|fix|debug|refactor|generate|optimi[sz]e|code|develop|build|give me|modify)\b"
    r"(?:(?!\b(?:about|explain\w*|post|article|essay|e-?mail|letter|story|poem|report|documentation|docs|plan|video|movie|"
    r"speech|histograms?)\b)[^.?!\n]){0,70}?"
    r"\b(?:functions?|programs?|scripts?|code|class|methods?|quer(?:y|ies)|regex|regular expression|sql|algorithm|"
    r"unit tests?|dockerfile|makefile|website|html|c\+\+|python|javascript|typescript|java|rust|bash)(?![\w-])"
)

_BEGINS = r"(?:^|[.!?:;,\n]\s{0,5}|\bplease\s|\b(?:can|could|would) you\s|\b(?:and|then)\s)"
_OPEN_ASKED = re.compile(
    _BEGINS + r"(?:(?:write|draft|compose|summari[sz]e|translate|rewrite|rephrase|paraphrase|edit|proofread|describe|"
    r"discuss|compare|contrast|analy[sz]e|outline|suggest|recommend|brainstorm|design|create|generate|critique|review|"
    r"prove|show that|derive|tell me|convince|imagine|pretend|act as|list|"
    r"name (?:two|three|four|five|ten|some|several|\d)|provide|give (?:me|an example)|justify|elaborate|"
    r"identify|extract|classify|rank|rate|help)\b|"
    r"explain (?!your|the steps|each step|step)|(?:and|,) (?:why|how|what|where|who)\b|why\b|"
    r"how (?:do|can|should|would|could|to)\b)"
)
_PERSONAL = re.compile(r"\b(?:you|your|i|my|me|we|our|should|best|better|worth|ideal|good|recommended|favou?rite)\b")
_ADVICE = re.compile(r"\bshould (?:i|we|you|one|people)\b|\b(?:ideal|recommended?|best)\b")
_ANAPHORA = re.compile(r"^(?:is|are|was|were|does|did|do|has|have|had) (?:this|that|it|these|those|they|he|she)\b")

_FORMATS: tuple[tuple[AnswerKind, re.Pattern[str]], ...] = (
    # What the answer is to look like, in so many words, from the question or the system prompt.
    (
        "option",
        re.compile(
            r"\b(?:only|just|with|by|provide|give)\s(?:the\s|a\s|single\s|correct\s|right\s|option\s){0,4}letter\b"
            r"(?! [a-z]\b)"
        ),
    ),
    (
        "yes_no",
        re.compile(
            r"(?:\b(?:answer|respond|reply|say|state|decide|output)\b[^.?!\n]{0,60}|^\s{0,5}|\()"
            r"\b(?:yes|true)[\"'/ ]{1,3}(?:or[\"' ]{1,3})?(?:no|false)\b"
        ),
    ),
    (
        "number",
        re.compile(
            r"\\boxed|(?<!#)####(?!#)|"
            r"\b(?:only|just)\s(?:with |as |a |an |the |one |single |final ){0,4}(?:number|integer|numeric\w{0,5})\b|"
            r"\b(?:answer|respond|reply)[^.?!\n]{0,20}\s(?:a|an|one) (?:single |whole )?(?:number|integer)\b|"
            r"\b(?:number|integer) only\s{0,3}(?:[.!\n)]|$)|"
            r"\b(?:only|just) (?:give|state|write|output|return|say) (?:me )?(?:the |a |your )?(?:final )?"
            r"(?:number|integer)\b"
        ),
    ),
    ("date", re.compile(r"\byyyy-mm-dd\b|\b(?:only|just)\s(?:a |the )?(?:date|year)\b")),
    (
        "short",
        re.compile(
            r"\bone[- ]word answer\b|\b(?:in|with|only|just) (?:(?:a|one|single|few|the) ){1,2}(?:words?|name)"
            r"(?:[.!\n]|$)"
        ),
    ),
)

_OPTIONS_ASKED = re.compile(
    r"\bwhich\b|\bchoose\b|\bselect\b|\bpick\b|\banswer\b|\bcorrect\b|\boptions?\b|\bmultiple.choice\b|\?|_{2,}|:\s*$"
)
_FIRST_OPTION = re.compile(r"(?:^|\n)[ \t>*-]{0,8}\(?a(?:[).:\]]|\*\*)|\s\(a\)\s")
_ANSWER_EXPECTED = re.compile(r"\n\s{0,5}(?:the )?answer(?: is)?:?\s{0,5}$")

_ARITHMETIC = re.compile(
    r"(?:what(?:'s| is)|calculate|compute|evaluate|solve)?:?(?:[\s\d+*/^().,=x·%!√$-]|"
    r"\b(?:times|plus|minus|(?:divided|multiplied) by|squared|cubed|percent|of|the (?:square|cube) root of)\b)"
    r"{1,300}\??"
)
_COUNTED = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|dozen|half|twice|double|triple|third|quarter)\b"
)
_FORMULA = re.compile(r"\$[^$\n]{1,300}\$|\\[(\[]|\\begin|\\frac")
_DRAWING = re.compile(r"\[asy\].{0,6000}?(?:\[/asy\]|$)", re.DOTALL)
_QUANTITY = re.compile(
    r"\bhow (?:many|much(?! (?:better|worse|do you))|few|old|far|tall|fast|heavy|wide|deep|high|long|big)\b"
    r"|\bwhat (?:percent(?:age)?|fraction|number|is the (?:sum|product|probability|remainder))\b"
)
_MATHEMATICAL = re.compile(
    r"\bwhat(?:'s| is| was| are| will be| would be| must be)\b|\bfind (?!me\b|an?\b|some\b|any\b|out\b)|"
    r"\b(?:compute|calculate|evaluate|determine|solve|simplify|express|estimate|for what)\b"
)
_MEASURE = re.compile(
    r"\b(?:sum|total|product|difference|quotient|remainder|average|mean|median|mode|area|perimeter|volume|circumference|"
    r"radius|diameter|length|width|height|distance|speed|probability|percent|percentage|ratio|values?|number|integers?|"
    r"cost|price|profit|amount|age|slope|determinant|divisor|multiple|measure|smallest|largest|greatest|maximum|minimum|"
    r"coefficient|roots?|solutions?|digits?|degrees?|angle|term|constant|change|discount|weight|temperature|capacity|grade|"
    r"score|income|salary|charge|size)\b"
)
_SEVERAL_ASKED = re.compile(
    r"\b(?:each of|for each|respectively|factori[sz]ation|separated by)\b|"
    r"\b(?:the|its) (?:\w{1,20} ){1,2}and (?:the |its )?(?:\w{1,20} ){1,2}(?:of|for|which)\b"
)
_DATE_ASKED = re.compile(
    r"^(?:when (?:did|was|were)\b|"
    r"(?:in|on|what|which|during)(?: what| which| the)? (?:exact )?(?:year|date|month and year)\b)"
)
_FACT_ASKED = re.compile(
    r"^(?:who (?:wrote|invented|discovered|painted|won|directed|founded|composed|designed|built|sang|played|developed|"
    r"created|proposed|was the (?:first|last|author|inventor|founder)|"
    r"is the (?:current |author|ceo|president|founder))|"
    r"(?:in |on )?(?:which|what) (?:country|city|continent|planet|state|element|ocean|river|mountain|language|animal|"
    r"colou?r|company|president|day of the week|month|currency|organ|gas|metal|team|band|artist|author|actor)\b"
    r"(?! (?:would|should))|"
    r"what(?:'s| is| was) the (?:capital|currency|chemical symbol|chemical formula|official language|name|surname|"
    r"(?:second.|third.)?(?:smallest|largest|biggest|tallest|longest|deepest|highest|fastest|hottest|coldest) \w+) )"
)
_POLAR = re.compile(r"^(?:is|are|was|were|does|did|do|has|have|had)\b")
_WORKING = re.compile(r"reasoning|explanation|steps|thoughts?|thinking|rationale|work(?:ing)?|confidence|analysis")


def kind_of(question: str, system_text: str = "", response_format: Mapping[str, Any] | None = None) -> Kind:
    """The kind of answer that a request asks for: its format first, then what it says of the format, then its words.

    `question` is the last user message, `system_text` the system messages, `response_format` as in OpenAI's API.
    """
    asked = _DRAWING.sub(" ", _readable(question)).strip()
    if response_format is not None and response_format.get("type") not in (None, "text"):
        return _of_format(response_format, asked, system_text)
    if _CODE_FIRST.match(question) and _CODE_BEGUN.search(question[:QUESTION_ENDS]):
        return Kind("code", "the question is the beginning of a program")
    if code := _CODE_ASKED.search(asked):
        return Kind("code", f"the question says {code[0]!r}")
    return _by_options(question, asked) or _by_instruction(asked, _readable(system_text)) or _by_question(asked)


def _by_options(question: str, asked: str) -> Kind | None:
    options = options_in(question)
    if not options or not _OPTIONS_ASKED.search(asked):
        return None
    stem = sentences(_FIRST_OPTION.split(asked, maxsplit=1)[0])[-1:]
    if not _ANSWER_EXPECTED.search(asked) and any(_OPEN_ASKED.search(sentence) for sentence in stem):
        return None
    return Kind("option", f"the question lists the options {', '.join(options)}")


def _of_format(response_format: Mapping[str, Any], asked: str, system_text: str) -> Kind:
    """A schema of working and answer asks for what its `answer` is; any other for JSON as a whole."""
    kind = response_format.get("type")
    if kind not in ("json_object", "json_schema"):
        return Kind("open", f"the response format {kind!r} is unknown")
    answer = _answer_property(response_format)
    if answer is None:
        return Kind("json", f"the response format is {kind}")
    typed: dict[object, AnswerKind] = {"integer": "number", "number": "number", "boolean": "yes_no"}
    if of_type := typed.get(answer.get("type")):
        return Kind(of_type, f"the schema's answer is of type {answer['type']}")
    if answer.get("enum"):
        return Kind("short", "the schema's answer is one of a list")
    found = kind_of(asked, system_text)
    return (
        found
        if found.kind in ("number", "option", "yes_no", "date", "short")
        else Kind("json", "the format is a schema")
    )


def _answer_property(response_format: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wrapped = response_format.get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, Mapping) else None
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping):
        return None
    answers = [name for name in properties if str(name).lower() in ("answer", "final_answer")]
    others = [name for name in properties if name not in answers and not _WORKING.fullmatch(str(name).lower())]
    answer = properties[answers[0]] if len(answers) == 1 and not others else None
    return answer if isinstance(answer, Mapping) else None


def _by_instruction(asked: str, system: str) -> Kind | None:
    if json := _JSON_ASKED.search(asked) or _JSON_ASKED.search(system):
        envelope = asked + system
        if not (_ANSWER_FIELD.search(envelope) and _WORKING_FIELD.search(envelope)):
            return Kind("json", f"the instructions say {json[0]!r}")
    if _OPEN_ASKED.search(asked):
        return None
    for where, text in (("question", asked), ("system prompt", system)):
        for kind, pattern in _FORMATS:
            if said := pattern.search(text):
                return Kind(kind, f"the {where} says {said[0].strip()!r}")
    return None


def _by_question(asked: str) -> Kind:
    if _ARITHMETIC.fullmatch(asked) and any(character.isdigit() for character in asked):
        return Kind("number", "the question is arithmetic")
    if opens := _OPEN_ASKED.search(asked):
        return Kind("open", f"the question says {opens[0].strip(' .,:;!?')!r}")
    said = sentences(asked)
    questions = [sentence for sentence in said if f"{sentence}?" in asked]
    ask = (questions or said[-1:] or [""])[-1]
    if len(questions) > 1 or _SEVERAL_ASKED.search(ask) or len(re.findall(r"\bhow (?:many|much)\b", ask)) > 1:
        return Kind("open", "more than one thing is asked")
    return _quantity(ask, " ".join(said[-3:]), asked) or _fact(ask, asked)


def _quantity(ask: str, end: str, asked: str) -> Kind | None:
    counted = _COUNTED.search(asked)
    if quantity := _QUANTITY.search(ask):
        if _ADVICE.search(ask) or (_PERSONAL.search(ask) and not counted):
            return Kind("open", "a matter of advice")
        return Kind("number", f"the question asks {quantity[0]!r}")
    formula = _FORMULA.search(asked)
    if counted and not _PERSONAL.search(ask) and _MATHEMATICAL.search(ask) and (formula or _MEASURE.search(ask)):
        return Kind("number", "the question is a mathematical one")
    if formula and _MATHEMATICAL.search(end):
        return Kind("number", "the question is a mathematical one")
    return None


def _fact(ask: str, asked: str) -> Kind:
    short = len(ask.split()) <= FACT_WORDS and len(asked.split()) <= 2 * FACT_WORDS
    if not short or _PERSONAL.search(ask) or f"{ask}?" not in asked:
        return Kind("open", "nothing says how the answer is to look")
    if date := _DATE_ASKED.search(ask):
        return Kind("date", f"the question asks {date[0]!r}")
    if fact := _FACT_ASKED.search(ask):
        return Kind("short", f"the question asks {fact[0].strip()!r}")
    if _POLAR.search(ask) and " or " not in ask and not _ANAPHORA.search(ask):
        return Kind("yes_no", "the question can be answered by yes or no")
    return Kind("open", "nothing says how the answer is to look")


def _readable(text: str) -> str:
    """Lower case, single forms of characters, and of a long text its two ends."""
    if len(text) > 2 * QUESTION_ENDS:
        text = text[:QUESTION_ENDS] + "\n" + text[-QUESTION_ENDS:]
    return folded(visible(text)).lower()
