"""Fusions asked for over keep-alive connections, each with a question of its own; a closed loop in one thread."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from fusions.members import WAITING, WRITTEN
from gateways.load import Address, Connection, Failed
from gateways.standing import Standing

_QUESTION = "Explain how tides work, and why there are two of them a day. [[{}]]"
_PATIENCE_SECONDS = 60.0


@dataclass
class Asked:
    """Milliseconds of each answer, by the id of its request."""

    milliseconds: dict[str, float] = field(default_factory=dict)
    faults: int = 0
    first_fault: str = ""
    seconds: float = 0.0

    @property
    def count(self) -> int:
        return len(self.milliseconds)

    def finished(self, connection: Connection, identity: str) -> bool:
        """Whether the answer is whole. Raises Failed if it isn't one that was written from the members'."""
        if not connection.read():
            return False
        now = time.monotonic_ns()
        if WRITTEN not in connection.data:
            raise Failed(f"nobody wrote an answer: {connection.data[-300:]!r}")
        self.milliseconds[identity] = (now - connection.due) / 1e6
        return True

    def fault(self, reason: str) -> None:
        self.faults += 1
        self.first_fault = self.first_fault or reason


class Asking:
    """Of one fusion of one competitor."""

    def __init__(self, up: Standing, model: str) -> None:
        self._address, self._model = up.address, model

    def request(self, identity: str) -> bytes:
        message = {"role": "user", "content": _QUESTION.format(identity)}
        return self._address.request(json.dumps({"model": self._model, "messages": [message]}).encode())

    def times(self, identities: Iterator[str], connections: int) -> Asked:
        """Ask until there are no more ids; so many at once."""
        asked = Asked()
        began = time.monotonic()
        out: dict[int, tuple[Connection, str]] = {}
        with select.epoll() as poller:

            def ask(connection: Connection | None) -> None:
                identity = next(identities, None)
                if identity is None:
                    if connection:
                        connection.socket.close()
                    return
                connection = connection or Connection(self._address, b"")
                connection.request = self.request(identity)
                out[connection.socket.fileno()] = connection, identity
                poller.register(connection.socket.fileno(), select.EPOLLIN)
                connection.ask(time.monotonic_ns())

            for _ in range(connections):
                ask(None)
            while out and (ready := poller.poll(_PATIENCE_SECONDS)):
                for descriptor, _ in ready:
                    connection, identity = out[descriptor]
                    try:
                        if not asked.finished(connection, identity):
                            continue
                        del out[descriptor]
                        poller.unregister(descriptor)
                        ask(connection)
                    except Failed as fault:
                        asked.fault(str(fault))
                        del out[descriptor]
                        poller.unregister(descriptor)
                        connection.socket.close()
                        ask(None)
            for connection, _ in out.values():
                asked.fault("an answer never came")
                connection.socket.close()
        asked.seconds = time.monotonic() - began
        return asked

    def left(self, runs: int) -> Iterator[Connection]:
        """Ask so many, one after the other; each connection is to be left by whoever takes it."""
        for number in range(runs):
            connection = Connection(self._address, self.request(f"{number:010d}"))
            connection.ask(time.monotonic_ns())
            yield connection


def waiting(provider_port: int) -> int:
    """How many members are being asked at this moment, as the provider has it."""
    body = json.dumps({"model": WAITING, "messages": []}).encode()
    address = Address(provider_port)
    connection = Connection(address, address.request(body))
    with connection.socket:
        connection.ask(time.monotonic_ns())
        while not connection.read():
            if not select.select([connection.socket], [], [], _PATIENCE_SECONDS)[0]:
                raise Failed("the provider does not answer")
    answer = json.loads(connection.data.partition(b"\r\n\r\n")[2])
    return int(answer["choices"][0]["message"]["content"])
