"""`tritium runs watch`: a run under way in a gateway that serves, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tritium.cli import options

if TYPE_CHECKING:
    from http.client import HTTPResponse

KEY = "TRITIUM_API_KEY"
_TRIES = 5
_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 60.0
"""Longer than a gateway is ever silent."""


def watch(
    run_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The run's whole id; without one, the newest under way.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The gateway's address; else that of the configuration.")
    ] = None,
    config: options.ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="The events as they come, one JSON document a line.")] = False,
) -> None:
    """Watch a run in a gateway that serves; the key, if it needs one, is in TRITIUM_API_KEY.

    Watching changes nothing, and may end at any time.
    """
    from tritium.cli.exits import INTERRUPTED

    if url is None:
        server = options.load(config).server
        url = f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"
    try:
        gateway = _Gateway(url)
        teller = _Teller()
        for line in gateway.events(run_id or gateway.newest()):
            if as_json:
                print(line, flush=True)
            else:
                teller.tell(line)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


class _Gateway:
    """One that serves somewhere."""

    def __init__(self, url: str) -> None:
        from urllib.parse import urlsplit

        self._url = url
        self._parts = urlsplit(url if "//" in url else f"//{url}")

    def newest(self) -> str:
        """The run under way that began last.

        Raises:
            NotFound: there is none.
            TritiumError: the gateway can't be asked.
        """
        import json

        from tritium.errors import NotFound

        found = json.loads(self._get("/api/v1/fusion/runs?outcome=running&limit=1", None).read())["data"]
        if not found:
            raise NotFound(f"No run is under way at {self._url}.")
        return str(found[0]["id"])

    def events(self, run_id: str) -> Iterator[str]:
        """Each event's JSON; where the connection breaks, another goes on from there.

        Raises:
            TritiumError: the gateway can't be asked, or refuses.
        """
        import time
        from http.client import HTTPException

        from tritium.errors import TritiumError

        place: str | None = None
        for _ in range(_TRIES):
            try:
                for raw in self._get(f"/api/v1/fusion/runs/{run_id}/events", place):
                    name, _, value = raw.decode().rstrip("\r\n").partition(": ")
                    if name == "id":
                        place = value
                    elif (name, value) == ("data", "[DONE]"):
                        return
                    elif name == "data":
                        yield value
            except (OSError, HTTPException):
                if place is None:
                    raise
            time.sleep(_PAUSE_SECONDS)
        raise TritiumError(f"The gateway at {self._url} broke off several times.")

    def _get(self, path: str, place: str | None) -> HTTPResponse:
        """An answer of 200, its body unread.

        Raises:
            TritiumError: nobody is there, or the gateway refuses.
        """
        import json
        import os
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        from tritium.errors import TritiumError

        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        headers = {} if place is None else {"Last-Event-ID": place}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        try:
            connection = kind(self._parts.hostname or "", self._parts.port, timeout=_QUIET_SECONDS)
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise TritiumError(f"No gateway answers at {self._url} ({error}). Is `tritium serve` running?") from None
        if reply.status != 200:
            try:
                said = json.loads(reply.read())["error"]["message"]
            except (ValueError, KeyError, TypeError):
                said = f"it answers {reply.status}"
            raise TritiumError(f"The gateway at {self._url}: {said}")
        return reply


class _Teller:
    """Events in words: what happens on standard error, the answer on standard output."""

    def __init__(self) -> None:
        self._models: dict[int, str] = {}
        self._answered = False

    def tell(self, line: str) -> None:
        import json
        import sys

        from tritium.cli.terminal import note, one_line, plain

        event: dict[str, Any] = json.loads(line)
        kind = event["type"]
        if kind == "answer.delta":
            self._answered = True
            sys.stdout.write(plain(event["text"]))
            sys.stdout.flush()
        elif kind == "run":
            run = event["document"]
            print("" if self._answered else plain(run["answer"] or ""), flush=True)
            note(f"{one_line(run['id'])}: {run['outcome']}{_because(run['error'])}")
        else:
            said = self._words(kind, event)
            if said:
                note(one_line(said))

    def _words(self, kind: str, event: dict[str, Any]) -> str:
        if "seat" in event and "model" in event:
            self._models[event["seat"]] = event["model"]
        seat = f"seat {event['seat'] + 1} ({self._models.get(event['seat'], '?')})" if "seat" in event else ""
        if kind == "plan":
            return "; ".join(event["plan"]["reasons"])
        if kind == "seat.started":
            return f"{seat} is asked"
        if kind == "seat.ended":
            return f"{seat}: {event['outcome']}{_because(event['error'])}"
        if kind in ("judge.started", "synthesizer.started"):
            return f"{event['model']} {'compares' if kind == 'judge.started' else 'writes'}"
        if kind == "decision":
            return f"decided: {event['decision']['how']}, {event['decision']['reason']}"
        return event["warning"] if kind == "warning" else ""


def _because(error: str | None) -> str:
    return f", {error}" if error else ""
