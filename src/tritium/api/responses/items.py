"""Output items while they grow: a message, a reasoning item, a function call, each telling of itself in events.

Format: OpenAI's Responses streaming events; the fields are those of OpenRouter's OpenAPI document (`StreamEvents`).
An event is a dictionary without its `sequence_number`, which whoever sends it puts in. `item` is what the item has come
to, and is whole once it has been closed.
"""

from __future__ import annotations

from typing import Any, Literal

from tritium.api.responses.seal import sealed

Event = dict[str, Any]
Status = Literal["completed", "incomplete"]


def added(index: int, item: dict[str, Any]) -> Event:
    return {"type": "response.output_item.added", "output_index": index, "item": dict(item)}


def done(index: int, item: dict[str, Any]) -> Event:
    return {"type": "response.output_item.done", "output_index": index, "item": dict(item)}


class MessageItem:
    """A `message`: parts of text and of refusal, one after the other."""

    def __init__(self, item_id: str, index: int) -> None:
        self.item: dict[str, Any] = {
            "type": "message",
            "id": item_id,
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        self._index = index
        self._part: dict[str, Any] | None = None
        self._pieces: list[str] = []

    def open(self) -> list[Event]:
        return [added(self._index, {**self.item, "content": []})]

    def text(self, piece: str, logprobs: list[Any]) -> list[Event]:
        events = self._begin("output_text", {"text": "", "annotations": [], "logprobs": []})
        self._pieces.append(piece)
        if logprobs and self._part is not None:
            self._part["logprobs"] += logprobs
        events.append(self._event("response.output_text.delta", delta=piece, logprobs=logprobs))
        return events

    def refusal(self, piece: str) -> list[Event]:
        events = self._begin("refusal", {"refusal": ""})
        self._pieces.append(piece)
        events.append(self._event("response.refusal.delta", delta=piece))
        return events

    def annotate(self, annotations: list[dict[str, Any]]) -> list[Event]:
        """Where a piece of the text comes from."""
        events = self._begin("output_text", {"text": "", "annotations": [], "logprobs": []})
        known = self._part["annotations"] if self._part is not None else []
        for annotation in annotations:
            place = {"annotation_index": len(known), "annotation": annotation}
            events.append(self._event("response.output_text.annotation.added", **place))
            known.append(annotation)
        return events

    def close(self, status: Status) -> list[Event]:
        events = self._end_part()
        self.item["status"] = status
        return [*events, done(self._index, self.item)]

    def _begin(self, kind: str, fields: dict[str, Any]) -> list[Event]:
        if self._part is not None and self._part["type"] == kind:
            return []
        events = self._end_part()
        self._part = {"type": kind, **fields}
        empty = {name: [] if isinstance(value, list) else value for name, value in self._part.items()}
        return [*events, self._event("response.content_part.added", part=empty)]

    def _end_part(self) -> list[Event]:
        part = self._part
        if part is None:
            return []
        name = "text" if part["type"] == "output_text" else "refusal"
        part[name] = "".join(self._pieces)
        said: Event = {name: part[name]}
        if name == "text":
            said["logprobs"] = part["logprobs"]
        events = [
            self._event(f"response.{part['type']}.done", **said),
            self._event("response.content_part.done", part=part),
        ]
        self.item["content"].append(part)
        self._part, self._pieces = None, []
        return events

    def _event(self, kind: str, **fields: Any) -> Event:
        place = {"output_index": self._index, "item_id": self.item["id"], "content_index": len(self.item["content"])}
        return {"type": kind, **place, **fields}


class ReasoningItem:
    """A `reasoning` item: a readable thought, or a vendor's summary of one. Its signature comes with the last piece."""

    def __init__(self, item_id: str, index: int, *, summary: bool, key: Any, sealing: bool) -> None:
        """`key` tells the pieces of one thought from those of the next; None goes with any.

        `sealing`: a signed thought goes into `encrypted_content` as well, for clients that give back nothing else.
        """
        self.item: dict[str, Any] = {"type": "reasoning", "id": item_id, "status": "in_progress", "summary": []}
        self.summary = summary
        self._key = key
        self._sealing = sealing
        self._index = index
        self._pieces: list[str] | None = None

    def open(self) -> list[Event]:
        return [added(self._index, self.item)]

    def add(self, piece: str) -> list[Event]:
        events: list[Event] = []
        if self._pieces is None:
            self._pieces = []
            events.append(self._event("part.added", part=self._part("")))
        self._pieces.append(piece)
        events.append(self._event("text.delta", delta=piece))
        return events

    def goes_with(self, key: Any) -> bool:
        """Whether a piece with that key is of this thought."""
        if self._key is None:
            self._key = key
        return key is None or key == self._key

    def sign(self, signature: str | None, thought_format: str | None) -> None:
        """What the vendor wants back with the thought."""
        if signature:
            self.item["signature"] = signature
        if thought_format:
            self.item["format"] = thought_format

    def close(self, status: Status) -> list[Event]:
        events: list[Event] = []
        if self._pieces is not None:
            text = "".join(self._pieces)
            self.item["summary" if self.summary else "content"] = [self._part(text)]
            events = [self._event("text.done", text=text), self._event("part.done", part=self._part(text))]
        if self._sealing and "signature" in self.item:
            self.item["encrypted_content"] = self._sealed()
        self.item["status"] = status
        return [*events, done(self._index, self.item)]

    def _sealed(self) -> str:
        kept = {name: self.item.get(name) for name in ("signature", "format")}
        return sealed({"type": "reasoning.text", "text": "".join(self._pieces or ()), **kept})

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "summary_text" if self.summary else "reasoning_text", "text": text}

    def _event(self, what: str, **fields: Any) -> Event:
        """`text.delta` is of one family for thoughts and summaries; `part.added` of another where it is a thought."""
        place: Event = {"output_index": self._index, "item_id": self.item["id"]}
        if self.summary:
            return {"type": f"response.reasoning_summary_{what}", **place, "summary_index": 0, **fields}
        family = "reasoning" if what.startswith("text") else "content"
        return {"type": f"response.{family}_{what}", **place, "content_index": 0, **fields}


class CallItem:
    """A `function_call`; its arguments come in pieces."""

    def __init__(self, item_id: str, index: int, call_id: str, name: str) -> None:
        self.item: dict[str, Any] = {
            "type": "function_call",
            "id": item_id,
            "call_id": call_id,
            "name": name,
            "arguments": "",
            "status": "in_progress",
        }
        self._index = index
        self._pieces: list[str] = []

    def open(self) -> list[Event]:
        return [added(self._index, self.item)]

    def add(self, piece: str) -> list[Event]:
        self._pieces.append(piece)
        return [self._event("delta", delta=piece)]

    def close(self, status: Status) -> list[Event]:
        self.item["arguments"] = "".join(self._pieces)
        self.item["status"] = status
        said = {"name": self.item["name"], "arguments": self.item["arguments"]}
        return [self._event("done", **said), done(self._index, self.item)]

    def _event(self, what: str, **fields: Any) -> Event:
        place = {"output_index": self._index, "item_id": self.item["id"]}
        return {"type": f"response.function_call_arguments.{what}", **place, **fields}
