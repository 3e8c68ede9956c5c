"""The competitors: each one's own way to ask three members and have one write, set up as alike as they allow.

To add one: a function that takes a `Place` and returns a `Peer`, its fusions in `FUSIONS`, and its packages in
`gateways/installation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fusions.members import (
    INSTANT,
    INSTANT_JUDGE,
    INSTANT_WRITER,
    JUDGE,
    LONG,
    MEMBERS,
    NORMAL,
    SILENT,
    SILENT_WRITER,
    TAILED,
    WRITER,
    panel,
)
from gateways import peers
from gateways.installation import python
from gateways.peers import Peer, Place
from gateways.provider import PLAIN

_PROGRAMS = Path(__file__).parent / "programs"

WRITTEN, JUDGED, INSTANTLY, INSTANTLY_JUDGED, ALL_OF_TAILED, TWO_OF_TAILED, PATIENT, UNANSWERED, UNWRITTEN = (
    "written",
    "judged",
    "instantly",
    "instantly-judged",
    "all-of-tailed",
    "two-of-tailed",
    "patient",
    "unanswered",
    "unwritten",
)
"""The fusions. Those that are not called judged have no judge; of those called two-of, two answers of three are enough,
for the patient one after the usual time of grace."""

_OURS = {
    WRITTEN: (NORMAL, "", WRITER, ""),
    JUDGED: (NORMAL, JUDGE, WRITER, ""),
    INSTANTLY: (INSTANT, "", INSTANT_WRITER, ""),
    INSTANTLY_JUDGED: (INSTANT, INSTANT_JUDGE, INSTANT_WRITER, ""),
    ALL_OF_TAILED: (TAILED, JUDGE, WRITER, ""),
    TWO_OF_TAILED: (TAILED, JUDGE, WRITER, "quorum = 2\ngrace_seconds = 0\n"),
    PATIENT: (TAILED, JUDGE, WRITER, "quorum = 2\n"),
    UNANSWERED: (SILENT, JUDGE, WRITER, ""),
    UNWRITTEN: (LONG, "", SILENT_WRITER, ""),
}


def tritium(place: Place) -> Peer:
    """With a key, its limits, and accounts of everything. No hedging: a second try has the same draw as the first."""
    return peers.tritium(place, settings())


def settings() -> str:
    prices = "".join(f'[prices."mock/{name}"]\ninput = 0.15\noutput = 0.6\n' for name in MEMBERS)
    return prices + "".join(_ours(name, *each) for name, each in _OURS.items())


def _ours(name: str, kind: str, judge: str, writer: str, more: str) -> str:
    """Without a judge: a cascade whose answer is open, so that cheap drafts are written anew by one model."""
    seats = ", ".join(f'"mock/{seat}"' for seat in panel(kind))
    way = (
        f'strategy = "synthesize"\njudge = "mock/{judge}"' if judge else 'strategy = "cascade"\nescalate = "mock/judge"'
    )
    quorum = more or "quorum = 3\n"
    return (
        f'[models."{name}"]\nkind = "fusion"\npanel = [{seats}]\nsynthesizer = "mock/{writer}"\n{way}\n'
        f'hedge = "off"\nbench = []\n{quorum}'
    )


def tensorzero(place: Place) -> Peer:
    """Its `experimental_mixture_of_n`; it has no judge that reads what others wrote before a writer does."""
    more = "".join(
        _mixture(name, kind, writer)
        for name, kind, writer in (
            (WRITTEN, NORMAL, WRITER),
            (INSTANTLY, INSTANT, INSTANT_WRITER),
            (UNANSWERED, SILENT, WRITER),
            (UNWRITTEN, LONG, SILENT_WRITER),
        )
    )
    return peers.tensorzero(place, (PLAIN, *MEMBERS), more)


def _mixture(name: str, kind: str, writer: str) -> str:
    function = f"functions.{name}"
    candidates = "".join(
        f'[{function}.variants.{seat}]\ntype = "chat_completion"\nmodel = "{seat}"\n' for seat in panel(kind)
    )
    names = ", ".join(f'"{seat}"' for seat in panel(kind))
    return (
        f'[{function}]\ntype = "chat"\n{candidates}[{function}.variants.mix]\ntype = "experimental_mixture_of_n"\n'
        f'candidates = [{names}]\nweight = 1\n[{function}.variants.mix.fuser]\nmodel = "{writer}"\n'
    )


def script(place: Place) -> Peer:
    """What one writes by hand: asyncio.gather over the official SDK, behind FastAPI."""
    return Peer(
        (str(python(place.installed, "fastapi")), str(_PROGRAMS / "gathering.py")),
        environment={"UPSTREAM": place.upstream, "PORT": str(place.port)},
    )


COMPETITORS: Mapping[str, Callable[[Place], Peer]] = {"tritium": tritium, "tensorzero": tensorzero, "script": script}
PACKAGES = {"tritium": "tritium", "tensorzero": "tensorzero", "script": "fastapi"}
"""Of `gateways/installation.py`, what each runs from."""
_ANYWAY = (WRITTEN, INSTANTLY, UNANSWERED, UNWRITTEN)
FUSIONS: Mapping[str, Mapping[str, str]] = {
    "tritium": {name: name for name in _OURS},
    "tensorzero": {name: f"tensorzero::function_name::{name}" for name in _ANYWAY},
    "script": {name: name for name in (*_ANYWAY, JUDGED, INSTANTLY_JUDGED)},
}
"""The names by which they are asked."""
