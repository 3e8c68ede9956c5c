"""A chat answer as a Responses answer: one object, or the events in which it grows.

Order: `response.created`, `response.in_progress`, per item what `items.py` and `fusion_item.py` tell, then one of
`response.completed`, `.incomplete` and `.failed`; numbered without a gap. OpenAI names each event in an `event:` line;
OpenRouter doesn't, and ends with `data: [DONE]`.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from tritium.api.errors import Dialect
from tritium.api.responses.ending import error_field, incomplete_reason, usage_object
from tritium.api.responses.extras import Extras, read_extras
from tritium.api.responses.fusion_item import FusionItem
from tritium.api.responses.items import Event, Status
from tritium.api.responses.output import Output
from tritium.api.responses.request import Asked
from tritium.chat import Choice, Chunk, Completion, Delta
from tritium.errors import TritiumError, UpstreamUnavailable
from tritium.gateway import Account

_DONE = b"data: [DONE]\n\n"
_NOTHING = Extras()

_encode = msgspec.json.Encoder(decimal_format="number").encode


class ResponsesEncoder:
    """One response."""

    def __init__(self, call_id: str, asked: Asked, dialect: Dialect) -> None:
        self._id = call_id
        self._model = asked.chat.model
        self._echo = asked.echo
        self._dialect: Dialect = dialect
        self._created = int(time.time())
        self._number = 0
        self._finish_reason: str | None = None
        self._output = Output(call_id, sealing=asked.sealing)
        self._fusion: FusionItem | None = None

    # ------------------------------------------------------------ an Encoder

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:
        self._take(only or _as_chunk(completion))
        _, response = self._ended(account, run)
        return _encode(response)

    def begin(self) -> bytes:
        response = self._response("in_progress", output=[])
        events = [{"type": f"response.{name}", "response": response} for name in ("created", "in_progress")]
        return b"".join(self._frames(events))

    def part(self, chunk: Chunk) -> list[bytes]:
        return self._frames(self._take(chunk))

    def progress(self, event: Any) -> list[bytes]:
        return self._frames(self._hear(event))

    def end(self, account: Account, run: Any) -> list[bytes]:
        events, response = self._ended(account, run)
        events.append({"type": f"response.{response['status']}", "response": response})
        return [*self._frames(events), *self._closing()]

    def failure(self, error: TritiumError) -> list[bytes]:
        events = self._fusion.fail(error) if self._fusion is not None else []
        events += self._output.close("incomplete")
        response = self._response("failed", error=error_field(error), error_type=error.error_type)
        events.append({"type": "response.failed", "response": response})
        return [*self._frames(events), *self._closing()]

    # ------------------------------------------------------------ the answer

    def _take(self, chunk: Chunk) -> list[Event]:
        self._model = chunk.model or self._model
        choice = next((each for each in chunk.choices if each.index == 0), None)
        if choice is None:
            return []
        self._finish_reason = choice.finish_reason or self._finish_reason
        extras = read_extras(chunk.raw) if chunk.raw is not None else _NOTHING
        return self._output.take(choice.delta, extras.logprobs, extras.annotations)

    def _hear(self, event: dict[str, Any]) -> list[Event]:
        """A panel that is asked is an item of its own; one model that answers alone needs none."""
        if event["type"] == "plan" and event["plan"].strategy != "single":
            # OpenAI's SDK takes any event with an `error` for the end of the stream.
            error_name = "message" if self._dialect == "openai" else "error"
            pause = self._output.pause()
            self._fusion = FusionItem(self._output.new_id("st"), event, error_name=error_name)
            return [*pause, *self._fusion.open(self._output.place(self._fusion.item))]
        return self._fusion.hear(event) if self._fusion is not None else []

    def _ended(self, account: Account, run: Any) -> tuple[list[Event], dict[str, Any]]:
        """The last events of the items, and the response."""
        status: Status = "completed"
        reason = incomplete_reason(self._finish_reason)
        if reason is not None or self._finish_reason == "error":
            status = "incomplete"
        events = [] if self._answered() or status == "incomplete" else self._output.say_nothing()
        events += self._output.close(status)
        more: dict[str, Any] = {"usage": usage_object(account)}
        if run is not None:
            more["fusion"] = run
        if self._finish_reason == "error":
            error = UpstreamUnavailable("The provider broke its answer off with an error.", provider=self._model)
            return events, self._response("failed", error=error_field(error), error_type=error.error_type, **more)
        if reason is not None:
            more["incomplete_details"] = {"reason": reason}
        return events, self._response(status, completed_at=int(time.time()) if reason is None else None, **more)

    def _answered(self) -> bool:
        return any(item["type"] in ("message", "function_call") for item in self._output.items)

    # ------------------------------------------------------------ its shape

    def _response(self, status: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": None,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": self._output.items,
            **self._echo,
            **fields,
        }

    def _frames(self, events: list[Event]) -> list[bytes]:
        return [self._frame(event) for event in events]

    def _frame(self, event: Event) -> bytes:
        data = _encode({"type": event["type"], "sequence_number": self._number, **event})
        self._number += 1
        if self._dialect == "openai":
            return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data)
        return b"data: %b\n\n" % data

    def _closing(self) -> list[bytes]:
        return [] if self._dialect == "openai" else [_DONE]


def _as_chunk(completion: Completion) -> Chunk:
    delta = Delta(
        content=completion.text or None,
        reasoning=completion.reasoning or None,
        refusal=completion.refusal or None,
        reasoning_details=completion.reasoning_details or None,
        tool_calls=completion.tool_calls or None,
    )
    return Chunk([Choice(0, delta, completion.finish_reason)], None, None, False, None, completion.model)
