"""Where a text states its answer: the `answer` field, a box, a tag, "the answer is", bold; strongest mark first.

Every pattern is bounded, so that no text, however long or odd, costs more than a walk over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from tritium.fusion.canonical.characters import visible

SPAN_CHARACTERS = 600
"""No statement of a closed answer is longer; what is behind is prose."""

LINE_CHARACTERS = 80

TRIED = 8
"""So many statements of one mark are tried at most, so that a text full of them costs no more than another."""


class Span(Struct, frozen=True):
    """A piece of text in which an answer is stated."""

    text: str
    decisive: bool
    """Whoever marks an answer like this has none elsewhere: if it can't be read, there is none."""


_FIELD = re.compile(r"""["'](?:final_?\ ?|correct_?\ ?)?answer["']\s{0,40}:\s{0,40}""", re.IGNORECASE)
_TAG = re.compile(r"<(?:final_)?answer>([^<]{1,600})</(?:final_)?answer>", re.IGNORECASE)
_BOX = re.compile(r"\\boxed\s{0,3}\{")
_HASHES = re.compile(r"(?:^|\n)####[ \t]{0,5}([^\n]{1,200})\s{0,20}$")
_CUE = re.compile(
    r"(?:\b(?:answer|result|correct\s{1,3}(?:option|choice|statement)|antwort|réponse|respuesta|risposta|resposta)\b|答案)"
    r"[*_\"')\]]{0,4}"
    r"(?:\s{1,3}(?:to|for|of|here|therefore)\b[^.:\n=]{0,80}?)?\s{0,3}"
    r"(?::|=|\b(?:is|are|was|would\ be|will\ be|must\ be|should\ be|equals|ist|est|es)\b|[是为])[\s*:_]{0,12}",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,300})\*\*")
_HEADING = re.compile(
    r"\s*(?:\d{1,3}[.)]\s|(?:step|part|case|question|problem|section|example|method|note|phase)\b)|.*:\s*$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"[\s_.?…\-]*|<[^>]*>|\[?your (?:final )?answer(?: here)?\]?", re.IGNORECASE)
_SENTENCE_END = re.compile(
    r"(?<!\b[A-Z])(?<!\bSt)(?<!\bMt)(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bNo)(?<!\bvs)(?<!\bMrs)(?<!\bapprox)"
    r"[.!?。]+(?=[\s\"'*)\]]|$)|\n"
)


def first_read(text: str, reader: Callable[[str], str | None], *, whole_first: bool = False) -> tuple[str | None, bool]:
    """What `reader` makes of the strongest statement that it can read, and whether that settles it.

    Settled without a result: the answer was marked beyond doubt, and is none of this kind. With `whole_first` a text of
    one short line that has no such mark is a statement itself.
    """
    for span in stated(text, whole_first=whole_first):
        found = reader(span.text)
        if found is not None or span.decisive:
            return found, True
    return None, False


def stated(text: str, *, whole_first: bool = False) -> Iterator[Span]:
    """The statements in `text`, strongest mark first; of equal marks the last, since models correct themselves."""
    for mark in (_fields, _tags, _boxes):
        value = next((value for value in mark(text) if not _PLACEHOLDER.fullmatch(value)), None)
        if value is not None:
            yield Span(value, decisive=True)
            return
    if whole_first and len(text) <= LINE_CHARACTERS and "\n" not in text:
        yield Span(text, decisive=False)
    if hashes := _HASHES.search(text[-400:]):
        yield Span(hashes[1], decisive=False)
    for cue in list(_CUE.finditer(text))[: -TRIED - 1 : -1]:
        tail = first_sentence(text[cue.end() : cue.end() + SPAN_CHARACTERS])
        if tail:
            yield Span(tail, decisive=False)
    for bold in bolds(text)[: -TRIED - 1 : -1]:
        yield Span(bold, decisive=False)


def bolds(text: str) -> list[str]:
    """What is printed bold, headings apart."""
    return [bold for bold in _BOLD.findall(text) if not _HEADING.match(bold)]


def first_sentence(text: str) -> str:
    text = text.lstrip()
    end = _SENTENCE_END.search(text)
    return text[: end.start()].strip() if end else text.strip()


def sentences(text: str) -> list[str]:
    return [each for each in (piece.strip() for piece in _SENTENCE_END.split(text)) if each]


def _fields(text: str) -> Iterator[str]:
    """Values of `"answer": ...`, last first. Models break JSON (raw newlines, LaTeX), so this is no JSON parser."""
    for match in list(_FIELD.finditer(text))[: -TRIED - 1 : -1]:
        if "e.g" in text[max(match.start() - 8, 0) : match.start()]:
            continue  # the instructions, repeated
        yield _value(text[match.end() : match.end() + SPAN_CHARACTERS])


def _value(rest: str) -> str:
    if rest[:1] in ('"', "'"):
        return visible(_unescaped(_quoted(rest)))
    if rest[:1] in ("{", "["):
        end = rest.find("}" if rest[0] == "{" else "]")
        return rest[1:end] if end > 0 else rest[1:]
    return re.split(r"[}\n]", rest, maxsplit=1)[0].strip().rstrip(",")


def _quoted(rest: str) -> str:
    """Up to the quote that closes the one in front."""
    at = 1
    while (at := rest.find(rest[0], at)) > 0:
        if rest[at - 1] != "\\":
            return rest[1:at]
        at += 1
    return rest[1:]


def _unescaped(value: str) -> str:
    r"""JSON's escapes undone, LaTeX's commands (``\frac``, ``\neq``) left alone."""
    value = re.sub(r"\\n(?![a-z])", "\n", value.replace("\\\\", "\\").replace('\\"', '"'))
    if "\\u" in value:
        value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), value)
    return value.strip().strip('"')


def _tags(text: str) -> Iterator[str]:
    yield from _TAG.findall(text)[: -TRIED - 1 : -1]


def _boxes(text: str) -> Iterator[str]:
    for match in list(_BOX.finditer(text))[: -TRIED - 1 : -1]:
        inside = _braced(text[match.end() : match.end() + SPAN_CHARACTERS])
        if inside is not None:
            yield inside


def _braced(rest: str) -> str | None:
    depth = 1
    for at, character in enumerate(rest):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:at]
    return None
