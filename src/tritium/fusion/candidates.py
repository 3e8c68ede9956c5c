"""The answers of a panel as a judge or writer sees them: anonymous, shuffled, lettered, fenced, and fitted."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from tritium.chat import ChatRequest
from tritium.fusion.fence import Fence, quoted
from tritium.fusion.fitting import Cut, fit, tokens_at_most
from tritium.fusion.run import SeatReport

LETTERS = "ABCDEFGHI"
"""One more than a panel has seats: the strong model that was asked when they differed."""


_FRAME_TOKENS = 64
"""Of the fence around one, and what it says of it."""


class Candidates:
    """Answers in a random order that the seed repeats; `model_of` translates."""

    def __init__(
        self, answers: Sequence[SeatReport], order_seed: int, *, votes: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """`votes` is a table of who says what, as `ballots.count` makes it, to be shown with the candidates."""
        self._votes = votes
        order = list(answers)
        random.Random(order_seed).shuffle(order)  # noqa: S311 - an order to be repeated, not a secret
        self._take(order, {}, {})

    def _take(self, order: Iterable[SeatReport], texts: Mapping[int, str], cuts: Mapping[int, Cut]) -> None:
        self.by_letter = dict(zip(LETTERS, order, strict=False))
        self.fence = Fence()
        self._texts = texts
        self._cuts = cuts

    # ------------------------------------------------------------ the same ones otherwise

    def anew(self) -> Candidates:
        """Behind another fence: whoever has read the word of the first can't close the second."""
        return self._copy(self.by_letter.values(), self._texts, self._cuts)

    def reversed(self) -> Candidates:
        """The first last."""
        return self._copy(reversed(self.by_letter.values()), self._texts, self._cuts)

    def fitted(self, room_tokens: int) -> Candidates:
        """Shortened, the longest first, until they have room.

        Raises:
            DoesNotFit: they would say too little then.
        """
        seats = {str(seat.seat): seat for seat in self.by_letter.values()}
        found = fit({name: quoted(seat.text) for name, seat in seats.items()}, room_tokens - self._frame_tokens())
        texts = {int(name): text for name, text in found.texts.items()}
        return self._copy(self.by_letter.values(), texts, {int(name): cut for name, cut in found.cuts.items()})

    def _copy(self, order: Iterable[SeatReport], texts: Mapping[int, str], cuts: Mapping[int, Cut]) -> Candidates:
        copy = object.__new__(Candidates)
        copy._votes = self._votes
        copy._take(order, texts, cuts)
        return copy

    def _frame_tokens(self) -> int:
        return _FRAME_TOKENS * len(self.by_letter) + tokens_at_most(self._table())

    def shortenings(self) -> list[str]:
        """What was left out of whom, for people."""
        return [
            f"seat {seat.seat}: {self._cuts[seat.seat].shown:,} of {self._cuts[seat.seat].whole:,} characters"
            for seat in self.by_letter.values()
            if seat.seat in self._cuts
        ]

    # ------------------------------------------------------------ what is read

    def block(self) -> str:
        fenced = [self._fenced(letter, seat) for letter, seat in self.by_letter.items()]
        if self._votes:
            fenced.append(self.fence.around("votes, counted by what the candidates answer", self._table()))
        return "\n\n".join(fenced)

    def _table(self) -> str:
        letters = {seat.seat: letter for letter, seat in self.by_letter.items()}
        rows = [(sorted(letters[seat] for seat in row["seats"] if seat in letters), row["says"]) for row in self._votes]
        # On one line each: no answer begins a row of its own.
        said = [(who, "nothing that can be counted" if says is None else " ".join(says.split())) for who, says in rows]
        return "\n".join(f"{', '.join(who)}: {says}" for who, says in said)

    def _fenced(self, letter: str, seat: SeatReport) -> str:
        cut = self._cuts.get(seat.seat)
        note = f" (shortened: {cut.shown:,} of {cut.whole:,} characters)" if cut else ""
        return self.fence.around(f"candidate {letter}{note}", self._texts.get(seat.seat, seat.text))

    def prompt(self, name: str) -> str:
        """One of our own instructions with this request's fence word in it; nothing untrusted is formatted in."""
        return _instructions(name).strip().replace("FENCE", self.fence.word)

    # ------------------------------------------------------------ letters

    def seat_of(self, letter: Any) -> SeatReport | None:
        """Who is behind `A`, `candidate a` or a number counted from 1; None for anything else."""
        letters = list(self.by_letter)
        if isinstance(letter, str):
            text = letter.strip().upper().removeprefix("CANDIDATE ").strip("()[]. ")
            if not text.isdecimal() or len(text) > 2:
                return self.by_letter.get(text)
            letter = int(text)
        known = isinstance(letter, int) and not isinstance(letter, bool) and 0 < letter <= len(letters)
        return self.by_letter[letters[letter - 1]] if known else None

    def model_of(self, letter: Any) -> Any:
        """A letter as the model behind it, for readers who may know; anything else as it is."""
        if not isinstance(letter, str):
            return letter
        seat = self.by_letter.get(letter.strip().upper().removeprefix("CANDIDATE "))
        return seat.model if seat else letter


@functools.cache
def _instructions(name: str) -> str:
    return files("tritium.fusion").joinpath("prompts", f"{name}.md").read_text("utf-8")


def task_block(request: ChatRequest, fence: Fence) -> str:
    """The conversation as data for a judge."""
    turns = "\n\n".join(f"[{message.role}]\n{message.text()}" for message in request.body.messages if message.text())
    return fence.around("task", turns)
