"""Multiple choice: the options a question lists, and which of them an answer takes, by letter or by its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tritium.fusion.canonical.characters import both_ends, folded, visible
from tritium.fusion.canonical.formulas import plain
from tritium.fusion.canonical.stated import first_read, sentences
from tritium.fusion.canonical.words import words

LETTERS = "ABCDEFGHIJ"
UNLISTED_LETTERS = LETTERS.replace("I", "")
"""Without the options at hand, I is a pronoun."""
QUESTION_CHARACTERS = 40_000

_LINE = re.compile(
    r"(?:^|\n)[ \t>*-]{0,8}\(?([A-Ja-j])(?:[).:\]]|\*\*[).:])[*)]{0,3}[ \t]{0,4}(?=\S)([^\n]{1,1000})",
)
_INLINE = re.compile(r"(?:^|[\s,;])\(?([A-Ja-j])\)[ \t]{0,4}(?=[^\s(])")
_LETTER_ALONE = re.compile(r"[(\[]?([A-Ja-j])[)\]]?[.):,;!]?")
_LETTERS_ALONE = re.compile(r"[(\[]?[A-J][)\]]?(?:\s{0,3}(?:,|&|/|and|,\s?and)\s{0,3}[(\[]?[A-J][)\]]?){1,9}\.?")
_LETTER_FIRST = re.compile(
    r"(?i:(?:the\s)?(?:correct\s)?(?:option|choice|answer)\s{0,3}(?:is|:)?\s{0,3})?"
    r"(?:\(([A-Ja-j])\)|\[([A-J])\]|([A-J])(?:[).:\]]|,(?=\s)|\s?[-=]\s|(?=\s(?:because|since|as|is|which)\b))|([a-j])\))"
)
_LINE_LETTER = re.compile(r"(?:^|\n)[ \t>*#-]{0,8}(?:[Oo]ption\s|[Cc]hoice\s)?[(\[]?([A-J])[)\].:]")
_MENTION = re.compile(
    r"\(([A-J])\)|\b(?:option|choice|answer|letter)\s{1,2}[\"'(*]{0,3}([A-J])\b|\*\*\(?([A-J])\)?[.):]?\*\*"
)
_REJECTED = re.compile(
    r"\b(?:not|isn't|aren't|incorrect|wrong|false|eliminate|rule out|except|unlike|neither|rather than)\b",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"\b(?:not|except|unlike|rather than|instead of|neither|nor|eliminate|rule out)\b\W{0,3}"
    r"(?:(?:the|option|choice|answer) ?){0,2}$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\W{0,3}\s?(?:isn't|is not|(?:(?:is|are|was|seems|would be|can be)\s)?(?:also\s)?"
    r"(?:wrong|incorrect|false|eliminated|ruled out))",
    re.IGNORECASE,
)


def options_in(question: str) -> dict[str, str]:
    """The options that a question lists, by upper-case letter from A on; empty if it lists fewer than two.

    "A. text", "A) text", "(a) text", "**A)** text", a line each or within one line.
    """
    question = visible(question[-QUESTION_CHARACTERS:])
    for found in (list(_lines(question)), list(_inline(question))):
        options = _last_run(found)
        if len(options) >= 2:
            return options
    return {}


def chosen(text: str, options: Mapping[str, str] | None) -> str | None:
    """The letter of the option that an answer takes, several as "A,C"; None if it takes none."""
    text = folded(both_ends(text)).strip()
    known = {letter: words(content) for letter, content in (options or {}).items()}
    letters = "".join(known) or UNLISTED_LETTERS

    def stated(span: str) -> str | None:
        return _stated(span, known, letters)

    found, settled = first_read(text, stated, whole_first=True)
    return found if settled else _unmarked(text, known, letters)


def _unmarked(text: str, known: Mapping[str, str], letters: str) -> str | None:
    """An answer comes first or last; one that goes through the options letter by letter has not come first."""
    pieces = sentences(text)
    through = len(set(_LINE_LETTER.findall(text))) > 1
    for piece in [*([] if through else pieces[:1]), *pieces[:-4:-1]]:
        if not _REJECTED.search(piece) and (found := _stated(piece, known, letters)):
            return found
    return _mentioned(text, letters)


def _stated(span: str, known: Mapping[str, str], letters: str) -> str | None:
    span = plain(span).strip(" \n\t*\"'`").strip("[]\"' ") if not span.startswith("[") else span.strip("[]\"' ")
    span = span.replace('"', "").strip()
    if alone := _LETTER_ALONE.fullmatch(span):
        return _among(alone[1], letters)
    if _LETTERS_ALONE.fullmatch(span):
        taken = sorted(set(re.findall(r"(?<![a-z])[A-J](?![a-z])", span)))
        return ",".join(taken) if all(letter in letters for letter in taken) else None
    if (first := _LETTER_FIRST.match(span)) and not _DENIED_AFTER.match(span[first.end() :]):
        return _among(next(letter for letter in first.groups() if letter), letters)
    return _by_text(words(span), known) or _mentioned(span, letters)


def _by_text(said: str, known: Mapping[str, str]) -> str | None:
    """The option whose text was said; of options within one another the longest."""
    exact = [letter for letter, content in known.items() if content and content == said]
    if exact:
        return exact[0] if len(exact) == 1 else None
    padded = f" {said} "
    within = {letter: content for letter, content in known.items() if content and f" {content} " in padded}
    widest = [
        letter
        for letter, content in within.items()
        if not any(content != other and f" {content} " in f" {other} " for other in within.values())
    ]
    return widest[0] if len(widest) == 1 and not _REJECTED.search(said) else None


def _mentioned(span: str, letters: str) -> str | None:
    """The one letter that is named as an option and not rejected in the same breath."""
    found = {
        letter
        for match in _MENTION.finditer(span)
        if (letter := (match[1] or match[2] or match[3])) in letters
        and not _DENIED_BEFORE.search(span[max(match.start() - 30, 0) : match.start()])
        and not _DENIED_AFTER.match(span[match.end() :])
    }
    return found.pop() if len(found) == 1 else None


def _among(letter: str, letters: str) -> str | None:
    return letter.upper() if letter.upper() in letters else None


def _lines(question: str) -> Iterator[tuple[str, str]]:
    for match in _LINE.finditer(question):
        yield match[1].upper(), match[2].strip(" \t*")


def _inline(question: str) -> Iterator[tuple[str, str]]:
    marks = list(_INLINE.finditer(question))
    ends = [*(mark.start() for mark in marks[1:]), len(question)]
    for mark, end in zip(marks, ends, strict=False):
        yield mark[1].upper(), question[mark.end() : end].partition("\n")[0].strip(" \t,;")


def _last_run(found: list[tuple[str, str]]) -> dict[str, str]:
    """The last A, B, C, ... in a row: a question with examples lists its own options last."""
    best: dict[str, str] = {}
    run: dict[str, str] = {}
    for letter, content in found:
        if letter == "A":
            run = {"A": content}
        elif run and letter == LETTERS[len(run) % len(LETTERS)]:
            run[letter] = content
        else:
            run = {}
        if len(run) >= 2:
            best = run
    return best
