"""Rank: one of the answers is given as it is, whichever a judge picks in one order of them and in the other.

For what must not be spliced: programs that can't be run here, texts of a form. A judge often picks the first (Zheng
2023: the same verdict in both orders in 23 to 65 % of pairs), so that a pick which hangs on the order is a tie; ties go
to the strongest member, and among equals to the most central answer.
"""

from __future__ import annotations

from tritium.fusion.candidates import Candidates
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.run import SeatReport
from tritium.fusion.verdict import ask_judges
from tritium.fusion.voting import tell_votes


async def rank(proceedings: Proceedings, answers: list[SeatReport]) -> None:
    """Pick; two answers or more that are the same and the majority need no judge."""
    p = proceedings
    found = tell_votes(p, answers) if p.plan.kind != "open" else None
    if found is not None and found.winner is not None and found.for_winner > 1 and found.majority(p.options.majority):
        p.verbatim(found.winner, "unanimous" if found.unanimous else "majority", f"{found.for_winner} are the same")
        return
    votes = found.table if found is not None and p.plan.kind != "code" else ()
    candidates = Candidates(answers, p.plan.order_seed, votes=votes)
    verdict, _ = await ask_judges(p, candidates, select_only=True, orders=2)
    if verdict is not None and verdict.selected is not None:
        p.verbatim(verdict.selected, "judge_select", "the judge picked this answer")
        return
    strongest = max(p.strengths[seat.seat] for seat in answers)
    first = [seat for seat in answers if p.strengths[seat.seat] == strongest]
    why = "no judge could be asked" if verdict is None else "the judge's pick hung on the order"
    if len(first) == 1:
        p.verbatim(first[0], "strongest", f"{why}: the strongest member's answer")
    else:
        p.central(first, f"{why}: of the strongest members' answers the most central")
