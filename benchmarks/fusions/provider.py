"""The provider of every member, each answering by its script; in one piece or as a stream, as it was asked.

python -m fusions.provider     prints its port, and ends when its standard input does
"""

from __future__ import annotations

import functools
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from fusions.members import MEMBERS, WAITING
from gateways.provider import ANSWER, PLAIN, STREAM_HEAD, Caller, Provider, chunked, model_of

_IDENTITY = re.compile(rb"\[\[(\d+)\]\]")
_STREAMED = re.compile(rb'"stream"\s*:\s*true')


@dataclass(frozen=True)
class Reply:
    whole: bytes
    streamed: bytes


def main() -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(server.getsockname()[1], flush=True)
    asked: set[Asker] = set()
    Provider(server, functools.partial(Asker, asked)).serve()


class Asker(Caller):
    """One connection; it is among `asked` while its answer is due."""

    __slots__ = ("_asked",)

    def __init__(self, asked: set[Asker], connection: socket.socket) -> None:
        super().__init__(connection)
        self._asked = asked

    def answered(self, request: bytes) -> Iterator[float] | None:
        name = model_of(request).decode()
        if name == PLAIN:
            self.put(ANSWER)
            return None
        if name == WAITING:
            gone = {asker for asker in self._asked if asker.gone}
            self._asked -= gone
            self.put(reply(name, str(len(self._asked))).whole)
            return None
        member = MEMBERS[name]
        found = REPLIES[name]
        answer = found.streamed if _STREAMED.search(request) else found.whole
        if member.seconds is None:
            return self._late(None, answer)
        identity = _IDENTITY.search(request)
        wait_seconds = member.seconds(identity[1].decode() if identity else "")
        if wait_seconds:
            return self._late(wait_seconds, answer)
        self.put(answer)
        return None

    def _late(self, seconds: float | None, answer: bytes) -> Iterator[float]:
        self._asked.add(self)
        while seconds is None:
            yield 3600.0
        yield seconds
        self._asked.discard(self)
        self.put(answer)


def reply(name: str, text: str) -> Reply:
    usage = {"prompt_tokens": 20, "completion_tokens": len(text) // 4, "total_tokens": 20 + len(text) // 4}
    same: dict[str, object] = {"id": "chatcmpl-1", "created": 1790000000, "model": name}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = json.dumps({**same, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    events: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    lines = [json.dumps({**same, "object": "chat.completion.chunk", **event}) for event in events]
    return Reply(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
        STREAM_HEAD + chunked("".join(f"data: {each}\n\n" for each in (*lines, "[DONE]")).encode()) + b"0\r\n\r\n",
    )


REPLIES = {name: reply(name, member.says) for name, member in MEMBERS.items()}


if __name__ == "__main__":
    main()
