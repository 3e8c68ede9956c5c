"""A panel asked and compared, and nothing written: the answer is the analysis with everybody's answers, as JSON.

So a model that called fusion as a tool gets its material, and a caller who asks for `strategy = "analysis"`.
"""

from __future__ import annotations

import msgspec

from tritium.chat import text_chunk
from tritium.fusion.analysis import tool_result
from tritium.fusion.candidates import Candidates
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.verdict import ask_judges


async def brief(proceedings: Proceedings) -> None:
    """Ask everybody, have a judge compare, and say both.

    Raises:
        AllSeatsFailed: nobody answered.
    """
    p = proceedings
    answers = await ask_panel(p)
    if not answers:
        raise p.nobody()
    verdict, _ = await ask_judges(p, Candidates(answers, p.plan.order_seed), select_only=False, orders=1)
    what = "the answers and their analysis" if verdict is not None else "the answers; nobody could analyse them"
    p.decide("analysis", what)
    p.say(msgspec.json.encode(tool_result(p.run.seats, p.run.analysis)).decode())
    p.run.finish_reason = "stop"
    p.emit(text_chunk("", "stop"))
