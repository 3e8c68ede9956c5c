"""One JSON value from several: every field is voted on by itself, objects within objects as well.

Objects are taken apart, lists are not: which item of one answers which of another can't be told. Strings that differ in
case and spaces only, and numbers that are the same number, count together; a tie goes to the strongest (after the
consensus of Retab's k-LLMs; figures for recorded tool calls show little gain over the whole value's plurality, so the
whole value goes first where most agree on it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from tritium.fusion.canonical.json_value import canonical_value

DEPTH = 24
"""Objects within objects that are taken apart; deeper ones are compared as they are."""
SHOWN_CHARACTERS = 200


class Voice(Struct, frozen=True):
    """One seat's value. Give the strongest first."""

    seat: int
    value: Any
    weight: float = 1.0


class FieldVotes(Struct):
    """What was put together, and how each of its fields was voted on."""

    value: Any
    table: list[dict[str, Any]] = field(default_factory=list)
    """By field: its place as a JSON pointer, what it says, whose seats say so."""
    shares: list[float] = field(default_factory=list)
    """Of the weight, by field."""
    whole: bool = False
    """Most say all of it."""

    @property
    def agreement(self) -> float:
        return math.fsum(self.shares) / len(self.shares) if self.shares else 1.0

    def agreeing(self, voices: Sequence[Voice]) -> list[int]:
        """The seats that say all of it."""
        key = _key(self.value)
        return [voice.seat for voice in voices if _key(voice.value) == key]


def vote_on_fields(voices: Sequence[Voice], threshold: float = 0.5) -> FieldVotes:
    """Put one value together; the whole of what has more than `threshold` of the weight, else field by field."""
    clusters = _clusters(voices)
    total = math.fsum(voice.weight for voice in voices)
    if total and (weight := _weight(clusters[0])) > threshold * total:
        row = {"field": "", "says": _shown(clusters[0][0].value), "seats": sorted(each.seat for each in clusters[0])}
        return FieldVotes(clusters[0][0].value, [row], [weight / total], whole=True)
    votes = FieldVotes(None)
    votes.value = _voted(voices, "", votes, 0)
    return votes


def central(voices: Sequence[Voice], value: Any) -> Voice:
    """Who agrees with most fields of a value; of equals the first, who is the strongest."""
    wanted = _leaves(value, "")
    return max(voices, key=lambda voice: len(wanted.items() & _leaves(voice.value, "").items()))


def _voted(voices: Sequence[Voice], place: str, votes: FieldVotes, depth: int) -> Any:
    objects = [voice for voice in voices if isinstance(voice.value, dict)]
    if depth < DEPTH and objects and 2 * _weight(objects) > _weight(voices):
        return _object(objects, place, votes, depth)
    best = _clusters(voices)[0]
    votes.table.append({"field": place, "says": _shown(best[0].value), "seats": sorted(each.seat for each in best)})
    votes.shares.append(_weight(best) / (_weight(voices) or 1.0))
    return best[0].value


def _object(voices: Sequence[Voice], place: str, votes: FieldVotes, depth: int) -> dict[str, Any]:
    """A field is there if most have it, or half and the strongest of all."""
    names = list(dict.fromkeys(name for voice in voices for name in voice.value))
    found: dict[str, Any] = {}
    for name in names:
        having = [Voice(each.seat, each.value[name], each.weight) for each in voices if name in each.value]
        share = 2 * _weight(having) - _weight(voices)
        if share > 0 or (share == 0 and name in voices[0].value):
            found[name] = _voted(having, f"{place}/{_escaped(name)}", votes, depth + 1)
    return found


def _clusters(voices: Sequence[Voice]) -> list[list[Voice]]:
    """Those that say the same, the most weight first; of equals that with the strongest."""
    by_key: dict[str, list[Voice]] = {}
    for voice in voices:
        by_key.setdefault(_key(voice.value), []).append(voice)
    return sorted(by_key.values(), key=lambda cluster: -_weight(cluster))


def _weight(voices: Sequence[Voice]) -> float:
    # Rounded so that equal sums tie, in whatever order they were added.
    return round(math.fsum(voice.weight for voice in voices), 9)


def _key(value: Any) -> str:
    try:
        return canonical_value(_folded(value))
    except (TypeError, RecursionError):
        return repr(value)[:SHOWN_CHARACTERS]


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, list):
        return [_folded(each) for each in value]
    if isinstance(value, dict):
        return {name: _folded(each) for name, each in value.items()}
    return value


def _leaves(value: Any, place: str, depth: int = 0) -> dict[str, str]:
    if not isinstance(value, dict) or not value or depth >= DEPTH:
        return {place: _key(value)}
    found: dict[str, str] = {}
    for name, each in value.items():
        found |= _leaves(each, f"{place}/{_escaped(name)}", depth + 1)
    return found


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    try:
        return canonical_value(value)[:SHOWN_CHARACTERS]
    except (TypeError, RecursionError):
        return repr(value)[:SHOWN_CHARACTERS]
