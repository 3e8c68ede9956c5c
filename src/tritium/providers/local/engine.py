"""One model in a process of its own: llama.cpp behind two pipes, one line a message. Run with `python -m`.

    in     {"id": 7, "body": {...}}     answer this, one at a time
           {"cancel": 7}                stop answering that
    out    R                            the model is loaded            F"why"     it can't be
           C{...}                       a chunk, llama.cpp's JSON      E{...}     an error instead
           D                            the answer is over

Why a process: loading holds Python's interpreter lock for seconds, which would stop every other request of a gateway;
three models load on three cores; and a crash in native code takes one model down, not the gateway.
The end of the input ends the process, so it never outlives the one that started it.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import sys
import threading
from typing import Any, BinaryIO

_BATCH_TOKENS = 64
"""Prompt tokens between two looks at whether to stop; 2,048 would be 5 % faster and deaf for a minute."""


def main() -> None:
    settings = json.loads(sys.argv[1])
    pipe = _Pipe(_claim_stdout())
    try:
        server = _load(settings)
    except Exception as reason:  # noqa: BLE001  # whatever it is, the other side must hear it
        pipe.send(b"F", json.dumps(str(reason)))
        return
    pipe.send(b"R")
    inbox = _Inbox(sys.stdin.buffer)
    while True:
        _answer(server, inbox, pipe)


def _load(settings: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415  # its absence is an answer to give

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["id"]}
    params.n_ctx = settings["context_length"]
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["prompt_threads"]
    params.fit_params = False  # or the model is read twice, to see whether it fits
    params.warmup = False  # the first question is the warm-up
    params.cache_ram_mib = 0  # by default up to 8 GiB of old prompts are kept
    params.prefill_assistant = False  # a conversation that ends with the assistant is answered, not continued
    params.verbosity = -1
    # It opens a port on the loopback interface and can't be told not to; nobody is given the key.
    params.api_keys = [secrets.token_hex(32)]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    return xllamacpp.Server(params)


def _answer(server: Any, inbox: _Inbox, pipe: _Pipe) -> None:
    request_id, body = inbox.next()

    def told(text: str) -> bool:
        """Pass one message on; True stops the generation."""
        if inbox.cancelled == request_id:
            return True
        if text.startswith('{"error":'):
            pipe.send(b"E", json.dumps(json.loads(text)["error"]))
        elif '"prompt_progress":' not in text:  # those are asked for only to be asked whether to stop
            pipe.send(b"C", text)
        return False

    try:
        if inbox.cancelled != request_id:
            server.handle_chat_completions(body, told)
    except (ValueError, RuntimeError) as refused:  # raised while it reads the request
        pipe.send(b"E", json.dumps({"code": 400, "type": "invalid_request_error", "message": str(refused)}))
    pipe.send(b"D")


class _Inbox:
    """Requests in their order, and the one to stop, read by a thread of its own."""

    def __init__(self, source: BinaryIO) -> None:
        self.cancelled = -1
        self._requests: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def next(self) -> tuple[int, str]:
        return self._requests.get()

    def _read(self, source: BinaryIO) -> None:
        for line in source:
            message = json.loads(line)
            if "cancel" in message:
                self.cancelled = message["cancel"]
            else:
                self._requests.put((message["id"], json.dumps(message["body"])))
        os._exit(0)  # nobody is there any more; no reason to finish a sentence


class _Pipe:
    def __init__(self, target: BinaryIO) -> None:
        self._target = target

    def send(self, tag: bytes, document: str = "") -> None:
        self._target.write(tag + document.encode() + b"\n")
        self._target.flush()


def _claim_stdout() -> BinaryIO:
    """Keep the pipe for ourselves and give native code a standard output where it can't hurt."""
    pipe = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return pipe


if __name__ == "__main__":
    main()
