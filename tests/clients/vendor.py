"""A provider's server for the clients' gateway: speaks OpenAI's dialect, calls tools and answers in the asked-for JSON.

What it says follows from the request alone:

    the last message is a tool's result       "The tool says: <the result>"
    tools, unless tool_choice is "none"       a call of the one that is chosen, else of the first
    response_format = json_schema             an object of that schema
    anything else                             "Paris is the capital of France."
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TEXT = "Paris is the capital of France."
KNOWN = {"city": "Paris", "celsius": 21, "population": 2_100_000, "text": "Paris"}
"""What is said in a field of such a name, wherever a schema asks for it."""

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@contextmanager
def vendor() -> Iterator[str]:
    """The base URL of a server that is up."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Conversation)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if request.get("stream"):
            self._send("text/event-stream", _events(request))
        else:
            self._send("application/json", json.dumps(_completion(request)).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the standard library
        pass


def _completion(request: dict[str, Any]) -> dict[str, Any]:
    message = _message(request)
    choice = {"index": 0, "message": message, "finish_reason": _finish(message)}
    return _about(request, "chat.completion", [choice]) | {"usage": USAGE}


def _events(request: dict[str, Any]) -> bytes:
    message = _message(request)
    deltas = [{"role": "assistant", "content": ""}, *_pieces(message), {}]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices[-1][0]["finish_reason"] = _finish(message)
    chunks = [_about(request, "chat.completion.chunk", each) for each in choices]
    if request.get("stream_options", {}).get("include_usage"):
        chunks.append(_about(request, "chat.completion.chunk", []) | {"usage": USAGE})
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in chunks) + b"data: [DONE]\n\n"


def _about(request: dict[str, Any], kind: str, choices: list[Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-7", "object": kind, "created": 1, "model": request["model"], "choices": choices}


def _message(request: dict[str, Any]) -> dict[str, Any]:
    last = request["messages"][-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"The tool says: {_plain(last['content'])}"}
    if request.get("tools") and request.get("tool_choice") != "none":
        function = _chosen(request)
        arguments = json.dumps(_instance(function["parameters"]))
        call = {"name": function["name"], "arguments": arguments}
        calls = [{"id": "call_7", "type": "function", "function": call}]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    asked = request.get("response_format", {})
    if asked.get("type") == "json_schema":
        return {"role": "assistant", "content": json.dumps(_instance(asked["json_schema"]["schema"]))}
    return {"role": "assistant", "content": TEXT}


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _chosen(request: dict[str, Any]) -> dict[str, Any]:
    choice = request.get("tool_choice")
    name = choice["function"]["name"] if isinstance(choice, dict) else request["tools"][0]["function"]["name"]
    return next(each["function"] for each in request["tools"] if each["function"]["name"] == name)


def _instance(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: KNOWN[name] for name in schema["properties"]}


def _pieces(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The message as deltas: its text word by word, the arguments of its call in two halves."""
    if message["content"] is not None:
        return [{"content": word} for word in message["content"].replace(" ", "\0 ").split("\0")]
    call = message["tool_calls"][0]
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    middle = len(arguments) // 2
    opening = {"index": 0, **call, "function": {"name": name, "arguments": arguments[:middle]}}
    return [
        {"tool_calls": [opening]},
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments[middle:]}}]},
    ]


def _finish(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"
