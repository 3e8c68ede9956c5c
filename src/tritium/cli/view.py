"""The live view: the seats of a panel side by side while they write, then the answer as it comes.

Drawn ten times a second from the event loop itself, so that it can't run beside what it shows; the models need the
processor more than we do.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from tritium.chat import Chunk
from tritium.cli.board import Board
from tritium.cli.seats import draw_seats
from tritium.cli.summary import INDENT, answer
from tritium.cli.terminal import one_line, plain

if sys.platform != "win32":
    import termios

_FRAME_SECONDS = 0.1
_MARGIN_LINES = 3
"""Kept free below what is live: one that fills the screen flickers."""


class LiveView:
    """A watcher for a person at a terminal. Leaving it stops the drawing; what the panel did stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = Board()
        self._answer = ""
        self._spinner = Spinner("dots", style="cyan")
        self._live: Live | None = None
        self._still = ExitStack()

    async def __aenter__(self) -> Self:
        self._still.enter_context(_ctrl_c_unechoed())
        self._begin(transient=True)
        self._drawing = asyncio.create_task(self._draw())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drawing.cancel()
        with suppress(asyncio.CancelledError):
            await self._drawing
        self._board.stop()
        self._finish()
        self._still.close()
        if error is not None and self._answer:  # nobody will print the whole of it: there is none
            self._console.print(Padding(answer(self._answer), (1, INDENT)))

    def take(self, chunk: Chunk) -> None:
        if chunk.event is not None:
            self._board.take(chunk.event)
        if chunk.text:
            if not self._answer:
                self._freeze()
            self._answer += chunk.text

    def _freeze(self) -> None:
        """The panel is done: leave it on the screen as it is, and go on below it."""
        if len(self._board.seats) > 1:
            self._finish()
            self._begin(transient=True)

    def _finish(self) -> None:
        if self._live is None:
            return
        panel = len(self._board.seats) > 1 and not self._answer
        self._live.transient = not panel
        self._live.update(self._seats(final=True) if panel else Text(""), refresh=panel)
        self._live.stop()
        self._live = None

    def _begin(self, *, transient: bool) -> None:
        self._live = Live(console=self._console, auto_refresh=False, transient=transient, vertical_overflow="crop")
        self._live.start()

    async def _draw(self) -> None:
        while True:
            if self._live is not None:
                self._live.update(self._frame(), refresh=True)
            await asyncio.sleep(_FRAME_SECONDS)

    def _frame(self) -> RenderableType:
        if self._answer:
            return self._tail()
        if len(self._board.seats) <= 1:
            return self._waiting_for(self._board.seats[0].model if self._board.seats else "")
        stage = self._board.stage
        return Group(self._seats(final=False), self._waiting_for(stage) if stage else Text(""))

    def _seats(self, *, final: bool) -> RenderableType:
        return draw_seats(self._board, self._console, self._console.height - _MARGIN_LINES, final=final)

    def _waiting_for(self, what: str) -> RenderableType:
        text = Text(one_line(what) or "...", style="dim", no_wrap=True, overflow="ellipsis")
        text.truncate(self._console.width - 4, overflow="ellipsis")
        self._spinner.update(text=text)
        return Padding(self._spinner, (0, 0, 0, INDENT))

    def _tail(self) -> RenderableType:
        """As much of the end of the answer as fits; the whole of it is printed when it is whole."""
        lines = max(self._console.height - _MARGIN_LINES, 1)
        width = max(self._console.width - 2 * INDENT, 1)
        text = Text(plain(self._answer).lstrip()[-lines * width :])
        return Padding(Group(*text.wrap(self._console, width)[-lines:]), (1, INDENT, 0, INDENT))


@contextmanager
def _ctrl_c_unechoed() -> Iterator[None]:
    """Keep the terminal from writing `^C` into the drawing, which would shift it by a line."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~termios.ECHOCTL
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
