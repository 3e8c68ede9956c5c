"""A panel drawn: one box per seat, side by side where there is room, below each other where there isn't.

Quiet by default: only the mark of a seat has a colour, and the frame of the one whose answer was taken.
"""

from __future__ import annotations

import time

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tritium.cli import figures
from tritium.cli.board import Board, SeatState, brief_name
from tritium.cli.terminal import one_line, plain

_STACKED_BELOW = 78
"""Columns of a terminal too narrow for boxes side by side."""
_LEAST_COLUMNS = 26
_MOST_LINES = 8
_FRAME_LINES = 2
_FRAME_COLUMNS = 4
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_A_SECOND = 10

_MARKS = {"waiting": "·", "answered": "✓", "failed": "✗", "late": "✂"}
_ASCII_MARKS = {"waiting": ".", "answered": "+", "failed": "x", "late": "-"}
_COLOURS = {"waiting": "dim", "working": "cyan", "answered": "green", "failed": "red", "late": "yellow"}


def draw_seats(board: Board, console: Console, height: int, *, final: bool) -> RenderableType:
    """The seats in no more than `height` lines; `final` when nothing will move any more."""
    options = console.options
    names = _names(board)
    in_row = _seats_in_row(len(board.seats), options.max_width)
    rows = -(-len(board.seats) // in_row)
    lines = min(height // rows - _FRAME_LINES, _MOST_LINES)
    if lines < 1:
        longest = max(map(len, names))
        lined = zip(board.seats, names, strict=True)
        return Group(*(_line(seat, name.ljust(longest), board, options, final=final) for seat, name in lined))
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0), pad_edge=False)
    for _ in range(in_row):
        grid.add_column(ratio=1)
    for start in range(0, len(board.seats), in_row):
        indices = range(start, min(start + in_row, len(board.seats)))
        width = (options.max_width - in_row + 1) // in_row - _FRAME_COLUMNS
        texts = [_body(board.seats[index], console, width, lines, final=final) for index in indices]
        tallest = max(len(text) for text in texts)
        boxes = (_box(names[i], i, board, t, tallest, width, options) for i, t in zip(indices, texts, strict=True))
        grid.add_row(*boxes)
    return grid


def _seats_in_row(seats: int, columns: int) -> int:
    """As many as fit, and evenly: four in a row of three are two and two."""
    fit = 1 if columns < _STACKED_BELOW else max(columns // _LEAST_COLUMNS, 1)
    rows = -(-seats // fit)
    return -(-seats // rows)


def _names(board: Board) -> list[str]:
    """Models without their provider; seats of the same model are numbered."""
    models = [seat.model for seat in board.seats]
    short = [brief_name(model) for model in models]
    return [
        f"{name} #{models[: index + 1].count(models[index])}" if models.count(models[index]) > 1 else name
        for index, name in enumerate(short)
    ]


def _box(
    name: str, index: int, board: Board, lines: list[Text], tallest: int, width: int, options: ConsoleOptions
) -> Panel:
    seat = board.seats[index]
    title = _mark(seat, options).append(f" {name}", "default")
    title.truncate(width - 2, overflow="ellipsis")
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        subtitle=Text(_figures(seat, board, width - 2), style="dim"),
        subtitle_align="right",
        border_style="green" if board.chosen == index else "bright_black",
        padding=(0, 1),
        height=tallest + _FRAME_LINES,
    )


def _mark(seat: SeatState, options: ConsoleOptions) -> Text:
    style = _COLOURS[seat.state]
    if seat.state == "working":
        frame = int(time.monotonic() * _FRAMES_A_SECOND)
        return Text("|/-\\"[frame % 4] if options.ascii_only else _SPINNER[frame % len(_SPINNER)], style)
    return Text((_ASCII_MARKS if options.ascii_only else _MARKS)[seat.state], style)


def _figures(seat: SeatState, board: Board, width: int) -> str:
    """Tokens, seconds and, if it costs anything and there is room, dollars."""
    parts = []
    if seat.started_ms is not None:
        if seat.output_tokens is not None:
            parts.append(figures.tokens(seat.output_tokens))
        elif seat.pieces:
            parts.append(figures.tokens(seat.pieces, estimated=True))
        parts.append(figures.seconds(seat.elapsed_ms(board.now_ms())))
        if seat.priced and seat.cost_usd != 0:
            parts.append(figures.dollars(seat.cost_usd))
    said = " · ".join(parts)
    return said if len(said) <= width else " · ".join(parts[:2])


def _body(seat: SeatState, console: Console, width: int, lines: int, *, final: bool) -> list[Text]:
    """The end of what it writes; once all is done, the beginning. Below it, why it has no answer."""
    reason = [] if seat.reason is None else _wrapped(one_line(seat.reason), console, width, _COLOURS[seat.state])
    room = max(lines - len(reason), 0)
    written = plain(seat.text).strip()
    enough = (room + 1) * width
    style = "default" if seat.state in ("working", "answered") else "dim"
    text = _wrapped(written[:enough] if final else written[-enough:], console, width, style)
    if len(text) > room:
        text = [*text[: room - 1], Text("...", "dim")] if final and room else text[len(text) - room :]
    return [*text, *reason][:lines] or [Text("")]


def _wrapped(text: str, console: Console, width: int, style: str) -> list[Text]:
    return list(Text(text, style).wrap(console, max(width, 1))) if text else []


def _line(seat: SeatState, name: str, board: Board, options: ConsoleOptions, *, final: bool) -> Text:
    """A seat where there is only a line for it."""
    said = _figures(seat, board, options.max_width)
    line = _mark(seat, options).append(f" {name}  ", "default").append(f"{said}  ", "dim")
    room = max(options.max_width - line.cell_len, 1)
    written = one_line(seat.text)
    line.append(one_line(seat.reason) if seat.reason else written if final else written[-room:], "dim")
    line.truncate(options.max_width, overflow="ellipsis")
    return line
