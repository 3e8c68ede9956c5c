"""The live view at a real pseudo-terminal, and the board behind it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tritium.chat import Chunk, text_chunk
from tritium.cli.board import Board
from tritium.cli.seats import draw_seats
from tritium.cli.view import LiveView
from tritium.fusion.run import Tokens

PANEL = "scripted/say=Paris%20it%20is;delay=50,scripted/say=Lyon;delay=80,scripted/stall"
CONSENSUS = ("-s", "consensus")


def test_seats_stand_side_by_side_and_a_straggler_says_why_it_was_cut(terminal):
    screen = terminal("ask", "capital?", "--panel", PANEL, *CONSENSUS)
    assert screen.end() == 0
    last = screen.text.rpartition("╭─ ✓")[0].splitlines()[-1] + screen.text.rpartition("╭─ ✓")[2]
    assert "✂ stall" in last
    assert "late: the quorum was met" in last
    heads = [line for line in screen.text.splitlines() if "✓ say=Paris" in line]
    assert any("say=Lyon" in line and "stall" in line for line in heads)
    assert "central" in last
    assert "tokens" in last
    assert "gen-" in last


def test_on_a_narrow_terminal_seats_stand_below_each_other(terminal):
    screen = terminal("ask", "capital?", "--panel", PANEL, *CONSENSUS, columns=60)
    assert screen.end() == 0
    assert not any("say=Paris" in line and "say=Lyon" in line for line in screen.text.splitlines())
    assert max(map(len, screen.text.splitlines())) <= 60


def test_ctrl_c_stops_every_call_keeps_the_run_and_exits_with_130(terminal, tritium):
    screen = terminal("ask", "x", "--panel", "scripted/stall=1,scripted/stall=2", *CONSENSUS)
    screen.wait_for("the panel")
    screen.type("\x03")
    assert screen.end() == 130
    assert "interrupted" in screen.text
    assert "^C" not in screen.text
    assert "Traceback" not in screen.text
    shown = tritium("runs", "show")
    assert "cancelled" in shown.out


def test_a_model_commands_neither_the_terminal_nor_our_markup(terminal):
    attack = "scripted/say=%1B%5D0%3Bowned%07%1B[2Jclean%E2%80%AEtxet"
    screen = terminal("ask", "x", "--panel", f"{attack},scripted/say=[red]a[/red][/nope]", *CONSENSUS)
    assert screen.end() == 0
    assert "\x1b]0" not in screen.raw
    assert "\x1b[2J" not in screen.raw
    assert "\u202e" not in screen.raw
    assert "clean" in screen.text
    assert "[red]a[/red][/nope]" in screen.text


def test_an_answer_that_breaks_off_stays_on_the_screen(terminal):
    screen = terminal("ask", "x", "--model", "scripted/words=9;die=3")
    assert screen.end() == 1
    assert "the panel compares" in screen.text
    assert "broke off" in screen.text


def seat(number: int, outcome: str | None = None, **fields: object) -> dict[str, object]:
    base = {"seat": number, "model": f"vendor/model-{number}", "maker": "m", "outcome": outcome, "error": None}
    return {**base, "tokens": Tokens(), "cost_usd": None, "latency_ms": None, "text": "", **fields}


def planned(seats: int) -> Board:
    board = Board()
    board.take({"type": "plan", "seats": [seat(number) for number in range(seats)]})
    return board


def drawn(board: Board, columns: int, lines: int, *, final: bool = True) -> str:
    console = Console(file=io.StringIO(), width=columns, height=lines)
    console.print(draw_seats(board, console, lines, final=final))
    return console.file.getvalue()


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("lines", [5, 12, 24, 50])
@pytest.mark.parametrize("seats", [1, 2, 3, 4, 8])
def test_a_panel_never_takes_more_room_than_there_is(columns, lines, seats):
    board = planned(seats)
    for each in board.seats:
        each.state, each.text = "working", "many words that wrap and wrap " * 50
    for final in (True, False):
        text = drawn(board, columns, lines, final=final)
        assert len(text.splitlines()) <= max(lines, seats)
        assert all(len(line) <= columns for line in text.splitlines())


def test_while_it_writes_the_end_is_shown_and_afterwards_the_beginning():
    board = planned(2)
    for each in board.seats:
        each.state, each.text = "working", f"first {'word ' * 200} last"
    assert "last" in drawn(board, 80, 12, final=False)
    assert "first" not in drawn(board, 80, 12, final=False)
    assert "first" in drawn(board, 80, 12)
    assert "last" not in drawn(board, 80, 12)


def test_seats_of_one_model_are_numbered():
    board = planned(2)
    board.seats[1].model = board.seats[0].model
    text = drawn(board, 80, 12)
    assert "model-0 #1" in text
    assert "model-0 #2" in text


def test_a_board_takes_events_it_does_not_know():
    board = planned(1)
    board.take({"type": "seat.pondering", "seat": 0})
    board.take({"type": "moon.rises"})
    assert board.seats[0].state == "waiting"


async def test_the_view_ends_cleanly_whatever_it_has_seen():
    for chunks in ([], [Chunk(event={"type": "warning", "warning": "w"})], [text_chunk("a"), text_chunk("b")]):
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
        async with LiveView(console) as view:
            for chunk in chunks:
                view.take(chunk)
        assert console.file.getvalue().rpartition("\x1b[?25l")[2].count("\x1b[?25h") == 1  # the cursor is back
