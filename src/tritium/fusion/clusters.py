"""Which answers are the same one: equal canonical answers, and a vaguer one with the more precise one that it fits.

"Einstein" fits "Albert Einstein", 80 fits 80 km/h, 1.33 fits 4/3, 1969 fits 1969-07-20. A vaguer answer joins only if
the answers that it fits do not contradict each other: when both were given, "Washington" joins neither "George
Washington" nor "Washington DC". The outcome does not depend on the order of the answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from msgspec import Struct

from tritium.fusion.answer_kind import AnswerKind
from tritium.fusion.canonical.numbers import rendered, split
from tritium.fusion.canonical.short import NAME_WORDS
from tritium.fusion.canonical.units import base

DECIMALS = 2
"""A number with this many decimals may be the rounding of a longer one."""

_DENIAL = re.compile(r"not|no|never|neither|nor|isnt|wasnt|arent|cannot|cant|except|without|unknown")


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

    def fits(vague: str, precise: str) -> bool:
        relation = _FITS.get(kinds[vague]) if kinds[vague] == kinds[precise] else None
        return relation is not None and relation(vague, precise)

    equal = _grouped(forms, ((a, b) for a in forms for b in forms if a != b and fits(a, b) and fits(b, a)))
    fitting = ((vague[0], precise[0]) for vague, precise in _fitting(equal, fits))
    within = [(group[0], form) for group in equal for form in group]
    return [
        set(group) for group in _grouped(forms, (*within, *fitting, *_named(forms, kinds), *_percentages(forms, kinds)))
    ]


def _grouped(forms: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The forms that pairs connect, in the order of `forms`."""
    leader = {form: form for form in forms}

    def find(form: str) -> str:
        while leader[form] != form:
            form = leader[form]
        return form

    for one, other in pairs:
        leader[find(one)] = find(other)
    groups: dict[str, list[str]] = {}
    for form in forms:
        groups.setdefault(find(form), []).append(form)
    return list(groups.values())


def _fitting(groups: Sequence[list[str]], fits: Callable[[str, str], bool]) -> Iterator[tuple[list[str], list[str]]]:
    """Equal forms and more precise ones that they fit, if neither have rivals among what they fit or what fits them."""
    precise_of = [
        [at for at, other in enumerate(groups) if other is not group and _any_fits(group, other, fits)]
        for group in groups
    ]
    vague_of = [[at for at, others in enumerate(precise_of) if here in others] for here in range(len(groups))]

    def agree(some: Sequence[int]) -> bool:
        return all(
            one == other or one in precise_of[other] or other in precise_of[one] for one in some for other in some
        )

    for here, precise_groups in enumerate(precise_of):
        if agree(precise_groups):
            yield from ((groups[here], groups[at]) for at in precise_groups if agree(vague_of[at]))


def _any_fits(vague: list[str], precise: list[str], fits: Callable[[str, str], bool]) -> bool:
    return any(fits(one, other) for one in vague for other in precise)


def _percentages(forms: Sequence[str], kinds: dict[str, AnswerKind]) -> Iterator[tuple[str, str]]:
    """75 % and 0.75, unless someone said a plain 75."""
    numbers = [form for form in forms if kinds[form] == "number"]
    for form in numbers:
        value, unit = split(form) or (Fraction(0), "")
        if unit == "%" and rendered(value, "") not in numbers and (hundredth := rendered(value / 100, "")) in numbers:
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
    return not any(_DENIAL.fullmatch(word) for word in set(other.split()) - set(name.split()))


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
