"""The `output` of one response as it comes about: pieces of a chat answer go in, events come out, items are left.

A message ends when something else begins; function calls stay open to the end, since their pieces may interleave.
"""

from __future__ import annotations

from typing import Any

from tritium.api.responses.items import CallItem, Event, MessageItem, ReasoningItem, Status, added, done
from tritium.api.responses.seal import sealed
from tritium.chat import Delta, ToolCall


class Output:
    """The items so far; `items` is the array itself, in order."""

    def __init__(self, call_id: str, *, sealing: bool) -> None:
        """`call_id` makes the items' ids unique; `sealing`: see `_encrypted`."""
        self.items: list[dict[str, Any]] = []
        self._call_id = call_id
        self._sealing = sealing
        self._speech: MessageItem | ReasoningItem | None = None
        self._calls: list[CallItem] = []
        self._call_by_index: dict[int, CallItem] = {}
        self._ids: set[str] = set()
        self._told: list[Event] = []

    def place(self, item: dict[str, Any]) -> int:
        """Take a place in the array for an item that somebody else tends; returns where."""
        self.items.append(item)
        return len(self.items) - 1

    def pause(self) -> list[Event]:
        """End what is being said: something else comes in between."""
        self._end_speech()
        return self._tell()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{self._call_id}_{len(self.items)}"

    def take(
        self, delta: Delta, logprobs: list[Any] | None = None, annotations: list[dict[str, Any]] | None = None
    ) -> list[Event]:
        """One piece of the answer."""
        if delta.reasoning or delta.reasoning_content or delta.reasoning_details:
            self._think(delta)
        if delta.content or logprobs:
            self._told += self._message().text(delta.content or "", logprobs or [])
        if delta.refusal:
            self._told += self._message().refusal(delta.refusal)
        if annotations:
            self._told += self._message().annotate(annotations)
        for piece in delta.tool_calls or ():
            self._call(piece)
        return self._tell()

    def close(self, status: Status) -> list[Event]:
        """End whatever is still open; `status` is that of the last, the others had their say."""
        if self._speech is not None:
            self._told += self._speech.close("completed" if self._calls else status)
        for call in self._calls:
            self._told += call.close(status if call is self._calls[-1] else "completed")
        self._speech, self._calls, self._call_by_index = None, [], {}
        return self._tell()

    def say_nothing(self) -> list[Event]:
        """An answer without a word is still an answer: an empty message."""
        self._message()
        return self._tell()

    def _tell(self) -> list[Event]:
        told, self._told = self._told, []
        return told

    # ------------------------------------------------------------ what is said

    def _message(self) -> MessageItem:
        speech = self._speech
        if not isinstance(speech, MessageItem):
            self._end_speech()
            speech = self._speech = MessageItem(self.new_id("msg"), len(self.items))
            self._open(speech)
        return speech

    def _open(self, item: MessageItem | ReasoningItem | CallItem) -> None:
        self.items.append(item.item)
        self._told += item.open()

    def _end_speech(self) -> None:
        if self._speech is not None:
            self._told += self._speech.close("completed")
            self._speech = None

    # ------------------------------------------------------------ what is thought

    def _think(self, delta: Delta) -> None:
        """Details say the same as the plain text beside them, and more; without readable ones the text is taken."""
        details = delta.reasoning_details or []
        text = delta.reasoning or delta.reasoning_content
        if text and not any(each.get("text") or each.get("summary") for each in details):
            self._told += self._thought({}).add(text)
        for detail in details:
            kind = detail.get("type")
            if kind == "reasoning.encrypted" and isinstance(detail.get("data"), str):
                self._seal(detail)
            elif kind in ("reasoning.text", "reasoning.summary"):
                thought = self._thought(detail)
                piece = detail.get("summary" if thought.summary else "text")
                if isinstance(piece, str) and piece:
                    self._told += thought.add(piece)
                thought.sign(detail.get("signature"), detail.get("format"))

    def _thought(self, detail: dict[str, Any]) -> ReasoningItem:
        """The thought that this is a piece of: the open one, unless it is of another kind or index."""
        summary, key = detail.get("type") == "reasoning.summary", detail.get("index")
        speech = self._speech
        if isinstance(speech, ReasoningItem) and speech.summary == summary and speech.goes_with(key):
            return speech
        self._end_speech()
        item_id = self._vendors_id(detail)
        thought = ReasoningItem(item_id, len(self.items), summary=summary, key=key, sealing=self._sealing)
        self._speech = thought
        self._open(thought)
        return thought

    def _seal(self, detail: dict[str, Any]) -> None:
        """A thought that only its vendor can read: with the readable one of the same id, or an item of its own."""
        speech = self._speech
        if isinstance(speech, ReasoningItem) and detail.get("id") == speech.item["id"]:
            speech.item["encrypted_content"] = self._encrypted(detail)
            speech.sign(None, detail.get("format"))
            return
        item: dict[str, Any] = {
            "type": "reasoning",
            "id": self._vendors_id(detail),
            "status": "completed",
            "summary": [],
            "encrypted_content": self._encrypted(detail),
            "format": detail.get("format") or "unknown",
        }
        index = self.place(item)
        self._told += [added(index, {**item, "status": "in_progress"}), done(index, item)]

    def _encrypted(self, detail: dict[str, Any]) -> str:
        """The vendor's own; for a client that asked for it, sealed together with whose it is.

        OpenAI's clients give back `encrypted_content` and forget the `format` and `signature` that OpenRouter's keep.
        """
        data: str = detail["data"]
        return sealed(detail) if self._sealing else data

    def _vendors_id(self, detail: dict[str, Any]) -> str:
        """The vendor wants its own back; an id that it leaves out, or uses again, is ours to give."""
        given = detail.get("id")
        found = given if isinstance(given, str) and given and given not in self._ids else self.new_id("rs")
        self._ids.add(found)
        return found

    # ------------------------------------------------------------ what is called

    def _call(self, piece: ToolCall) -> None:
        """Pieces of one call share its index; a piece without one is a call of its own."""
        function = piece.function
        call = self._call_by_index.get(piece.index) if piece.index is not None else None
        if call is None:
            self._end_speech()
            item_id = self.new_id("fc")
            name = (function.name if function is not None else None) or ""
            call = CallItem(item_id, len(self.items), piece.id or f"call_{item_id}", name)
            self._calls.append(call)
            if piece.index is not None:
                self._call_by_index[piece.index] = call
            self._open(call)
        if function is not None and function.arguments:
            self._told += call.add(function.arguments)
