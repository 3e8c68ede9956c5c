"""An answer's deltas as Anthropic's content blocks: which block is open, what begins one, what closes it.

Invariant: one block is open at a time, and each is opened, continued and closed once, in the order of their numbers.
OpenAI's dialect may interleave tool calls; those that can't be told to be over make the next one wait until the end.
Format: Anthropic API reference, streaming events `content_block_start`, `_delta` and `_stop`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tritium.api.messages.seals import is_claudes, sealed
from tritium.chat import Delta, ToolCall

Event = tuple[str, dict[str, Any]]
"""Its name, and what its data holds."""


class _Call:
    """A tool call on its way: what has been said of it, and what is still to be sent."""

    def __init__(self, number: int, first: ToolCall, call_id: str) -> None:
        self.index = first.index
        self.id = first.id or f"toolu_{call_id}_{number}"
        self.name = ""
        self.arguments = ""
        self.waiting = ""

    def add(self, piece: ToolCall) -> None:
        said = (piece.function and piece.function.arguments) or ""
        self.name = self.name or (piece.function and piece.function.name) or ""
        self.arguments += said
        self.waiting += said

    @property
    def over(self) -> bool:
        """Its arguments are whole JSON, so nothing can follow."""
        try:
            msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class ContentBlocks:
    """The blocks of one answer. `called` tells whether a tool call is among them."""

    def __init__(self, call_id: str, *, shows_thoughts: bool, hides_thoughts: bool) -> None:
        """Thoughts are shown, hidden, or by default shown only where their vendor wants them back.

        A client that did not ask for thoughts may take the first block for the answer.
        """
        self._call_id = call_id
        self._shows_thoughts = shows_thoughts
        self._hides_thoughts = hides_thoughts
        self._number = -1
        self._open: str | None = None
        """The open block's type."""
        self._thought: int | None = None
        """The open thought's index in its vendor's count."""
        self._calls: list[_Call] = []
        self._live = 0
        """The calls before this one are closed."""
        self._late: list[Delta] = []
        """What came after a tool call that may not be over."""
        self._secrets: list[str] = []
        """Other vendors' encrypted thoughts, sent last, since theirs need no place and some clients expect text."""

    @property
    def called(self) -> bool:
        return bool(self._calls)

    def add(self, delta: Delta) -> Iterator[Event]:
        """What a piece of the answer changes."""
        if self._settled():
            self._live = len(self._calls)
            yield from self._utter(delta)
        else:
            self._late.append(delta)
        for piece in delta.tool_calls or ():
            yield from self._call(piece)

    def finish(self) -> Iterator[Event]:
        """What is left, and the end of the last block."""
        while self._live < len(self._calls):
            yield from self._send_live()
            self._live += 1
        for delta in self._late:
            yield from self._utter(delta)
        for secret in self._secrets:
            yield from self._start("redacted_thinking", {"data": secret})
        yield from self._stop()

    # ------------------------------------------------------------ thoughts and text

    def _utter(self, delta: Delta) -> Iterator[Event]:
        yield from self._think(delta)
        if delta.content:
            if self._open != "text":
                yield from self._start("text", {"text": "", "citations": None})
            yield self._delta("text_delta", text=delta.content)

    def _think(self, delta: Delta) -> Iterator[Event]:
        told = False
        for detail in delta.reasoning_details or ():
            kind = detail.get("type")
            if kind == "reasoning.encrypted":
                yield from self._redacted(detail)
            elif kind in ("reasoning.text", "reasoning.summary"):
                told = True
                yield from self._thought_piece(detail)
        plain = delta.reasoning or delta.reasoning_content
        if plain and not told:
            yield from self._thought_piece({"text": plain})

    def _thought_piece(self, detail: dict[str, Any]) -> Iterator[Event]:
        text, signature = detail.get("text") or detail.get("summary") or "", detail.get("signature")
        if self._hides_thoughts or not (self._shows_thoughts or is_claudes(detail) or signature):
            text = ""
        if not text and not signature:
            return
        index = detail.get("index")
        if self._open != "thinking" or (index is not None and index != self._thought):
            yield from self._start("thinking", {"thinking": "", "signature": ""})
            self._thought = index
        if text:
            yield self._delta("thinking_delta", thinking=text)
        if signature:
            kept = {"type": detail["type"], "format": detail.get("format"), "signature": signature}
            yield self._delta("signature_delta", signature=signature if is_claudes(detail) else sealed(kept))

    def _redacted(self, detail: dict[str, Any]) -> Iterator[Event]:
        data = detail.get("data")
        if isinstance(data, str) and is_claudes(detail):
            yield from self._start("redacted_thinking", {"data": data})
        elif data:
            self._secrets.append(sealed(detail))

    # ------------------------------------------------------------ tool calls

    def _call(self, piece: ToolCall) -> Iterator[Event]:
        call = self._known(piece)
        if call is None:
            call = _Call(len(self._calls), piece, self._call_id)
            self._calls.append(call)
        call.add(piece)
        while self._live < len(self._calls) - 1 and self._calls[self._live].over:
            yield from self._send_live()
            self._live += 1
        if self._live < len(self._calls):
            yield from self._send_live()

    def _known(self, piece: ToolCall) -> _Call | None:
        """The call that a piece continues; a whole call has no index and is a call of its own."""
        if piece.index is None:
            return None
        return next((call for call in self._calls if call.index == piece.index), None)

    def _settled(self) -> bool:
        """Every call so far is over, so something else may begin."""
        return self._live >= len(self._calls) or (self._live == len(self._calls) - 1 and self._calls[-1].over)

    def _send_live(self) -> Iterator[Event]:
        call = self._calls[self._live]
        if self._open != f"call {self._live}":
            block = {"id": call.id, "name": call.name, "input": {}, "caller": {"type": "direct"}}
            yield from self._start("tool_use", block)
            self._open = f"call {self._live}"
        if call.waiting:
            yield self._delta("input_json_delta", partial_json=call.waiting)
            call.waiting = ""

    # ------------------------------------------------------------ blocks

    def _start(self, kind: str, block: dict[str, Any]) -> Iterator[Event]:
        yield from self._stop()
        self._number += 1
        self._open = kind
        yield "content_block_start", {"index": self._number, "content_block": {"type": kind, **block}}

    def _delta(self, kind: str, **said: str) -> Event:
        return "content_block_delta", {"index": self._number, "delta": {"type": kind, **said}}

    def _stop(self) -> Iterator[Event]:
        if self._open is not None:
            self._open = None
            yield "content_block_stop", {"index": self._number}


def folded(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The blocks that a client makes of such events."""
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for name, data in events:
        if name == "content_block_start":
            blocks.append(dict(data["content_block"]))
        elif name == "content_block_delta":
            for field, said in data["delta"].items():
                if field == "partial_json":
                    inputs[data["index"]] = inputs.get(data["index"], "") + said
                elif field != "type":
                    blocks[data["index"]][field] += said
    for index, text in inputs.items():
        blocks[index]["input"] = _object(text)
    return blocks


def _object(text: str) -> dict[str, Any]:
    """A call's arguments. What a model wrote that is no object is kept as the text it wrote."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"arguments": text}
