"""Which answers are the same one: equal canonical answers, and a vaguer one with the more precise one that it fits.

"Einstein" fits "Albert Einstein", 80 fits 80 km/h, 1.33 fits 4/3, 1969 fits 1969-07-20. A vaguer answer joins only if
the answers that it fits do not contradict each other: when both were given, "Washington" joins neither "George
Washington" nor "Washington DC". The outcome does not depend on the order of the answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from msgspec import Struct

from tritium.fusion.answer_kind import AnswerKind
from tritium.fusion.canonical.numbers import rendered, split
from tritium.fusion.canonical.short import NAME_WORDS
from tritium.fusion.canonical.units import base

DECIMALS = 2
"""A number with this many decimals may be the rounding of a longer one."""

_DENIALS = frozenset(
    ("not", "no", "never", "neither", "nor", "isnt", "wasnt", "arent", "cannot", "cant", "except", "without", "unknown")
)


class Candidate(Struct, frozen=True):
    """What one answer says."""

    canonical: str | None
    """From `canonical()`; None if nothing was found."""
    kind: AnswerKind


class Cluster(Struct, frozen=True):
    """Candidates that give the same answer."""

    canonical: str
    """As most of the members say it; of equally many the shortest."""
    members: tuple[int, ...]
    """Indices into the candidates, ascending."""


def clusters(answers: Sequence[Candidate]) -> list[Cluster]:
    """The candidates by answer, largest cluster first, then in the order of first members.

    Candidates without a canonical answer are in none.
    """
    said = Counter(answer.canonical for answer in answers if answer.canonical is not None)
    kinds = {answer.canonical: answer.kind for answer in answers if answer.canonical is not None}
    groups = _joined(sorted(said), kinds)
    found = [
        Cluster(
            min(group, key=lambda form: (-said[form], len(form), form)),
            tuple(at for at, answer in enumerate(answers) if answer.canonical in group),
        )
        for group in groups
    ]
    return sorted(found, key=lambda cluster: (-len(cluster.members), cluster.members[0]))


def same_answer(one: str | None, other: str | None, kind: AnswerKind) -> bool:
    """Whether two canonical answers would be in one cluster, were they the only ones."""
    return None not in (one, other) and len(clusters([Candidate(one, kind), Candidate(other, kind)])) == 1


def _joined(forms: Sequence[str], kinds: dict[str, AnswerKind]) -> list[set[str]]:
    """Sets of forms of one answer."""
    leader = {form: form for form in forms}

    def find(form: str) -> str:
        while leader[form] != form:
            form = leader[form]
        return form

    for one, other in (*_fitting(forms, kinds), *_named(forms, kinds), *_percentages(forms, kinds)):
        leader[find(one)] = find(other)
    groups: dict[str, set[str]] = {}
    for form in forms:
        groups.setdefault(find(form), set()).add(form)
    return list(groups.values())


def _fitting(forms: Sequence[str], kinds: dict[str, AnswerKind]) -> Iterator[tuple[str, str]]:
    """A vague and a precise form, where neither has a rival: all that it fits agree, and all that fit it."""

    def fits(vague: str, precise: str) -> bool:
        relation = _FITS.get(kinds[vague]) if kinds[vague] == kinds[precise] else None
        return vague != precise and relation is not None and relation(vague, precise)

    def agree(some: Sequence[str]) -> bool:
        return all(one == other or fits(one, other) or fits(other, one) for one in some for other in some)

    precise_of = {form: [other for other in forms if fits(form, other)] for form in forms}
    vague_of = {form: [other for other in forms if form in precise_of[other]] for form in forms}
    for vague, precise_forms in precise_of.items():
        if agree(precise_forms):
            yield from ((vague, precise) for precise in precise_forms if agree(vague_of[precise]))


def _percentages(forms: Sequence[str], kinds: dict[str, AnswerKind]) -> Iterator[tuple[str, str]]:
    """75 % and 0.75, unless someone said a plain 75."""
    numbers = {form for form in forms if kinds[form] == "number"}
    for form in numbers:
        value, _, unit = form.partition(" ")
        hundredth = rendered(Fraction(value) / 100, "") if unit == "%" else ""
        if hundredth in numbers and value not in numbers:
            yield form, hundredth


def _named(forms: Sequence[str], kinds: dict[str, AnswerKind]) -> Iterator[tuple[str, str]]:
    """Sentences with the one name in each; a sentence in which several are named takes no side."""
    short = [form for form in forms if kinds[form] == "short"]
    names = [form for form in short if _is_name(form)]
    for sentence in short:
        inside = [name for name in names if _within(name, sentence)] if not _is_name(sentence) else []
        widest = [name for name in inside if not any(name != other and _within(name, other) for other in inside)]
        if len(widest) == 1:
            yield sentence, widest[0]


def _is_name(form: str) -> bool:
    return len(form.split()) <= NAME_WORDS


def _within(name: str, other: str) -> bool:
    """Whether `other` has the words of `name` in a row, and no more denials than it."""
    if f" {name} " not in f" {other} ":
        return False
    return _DENIALS.isdisjoint(set(other.split()) - set(name.split()))


def _short_fits(vague: str, precise: str) -> bool:
    return _is_name(vague) and _is_name(precise) and _within(vague, precise)


def _date_fits(vague: str, precise: str) -> bool:
    if vague.startswith("--"):
        return precise.endswith(vague[1:]) and not precise.startswith("--")
    return precise.startswith(vague + "-")


def _number_fits(vague: str, precise: str) -> bool:
    """Equal values, of which one may lack the unit; a rounded value."""
    one, other = split(vague), split(precise)
    if one is None or other is None:
        return False
    (value, unit), (sharp, sharp_unit) = one, other
    if unit == sharp_unit:
        return _rounds_to(vague.partition(" ")[0], precise.partition(" ")[0])
    if not unit:
        return value == sharp
    return bool(sharp_unit) and base(value, unit) == base(sharp, sharp_unit)


def _rounds_to(vague: str, precise: str) -> bool:
    decimals = len(vague.partition(".")[2])
    if decimals < DECIMALS or len(precise.partition(".")[2]) <= decimals:
        return False
    return abs(Fraction(vague) - Fraction(precise)) <= Fraction(1, 2 * 10**decimals)


_FITS: dict[AnswerKind, Callable[[str, str], bool]] = {
    "number": _number_fits,
    "short": _short_fits,
    "date": _date_fits,
}
