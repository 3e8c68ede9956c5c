"""POST /completions, OpenAI's older form: a prompt instead of messages, a text instead of a message.

The prompt is asked as a user's message, so any model answers; what only a model that continues raw text can do is
refused. Format: OpenAI API reference, completions.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from tritium.api.answering import send_answer
from tritium.api.completion import usage_object
from tritium.api.errors import Dialect, error_object, render_error
from tritium.api.metadata import answer_with_metadata, wants_metadata
from tritium.api.session import in_session
from tritium.api.visit import Visit
from tritium.chat import UNREADABLE, ChatRequest, Choice, Chunk, Completion, Delta, unreadable
from tritium.errors import InvalidRequest, TritiumError
from tritium.gateway import Account

_DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class PromptBody(Struct):
    """The fields that chat doesn't have, or has in another form."""

    prompt: str | Annotated[list[Any], Meta(min_length=1)]
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    logprobs: int | Literal[False] | None = None


_decode_body = msgspec.json.Decoder(PromptBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


async def completions(visit: Visit) -> None:
    """Answer one request of the older form.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    request = in_session(visit, read_prompt(await visit.body()))
    if wants_metadata(visit):
        await answer_with_metadata(
            visit, request, lambda exchange: CompletionsEncoder(exchange.call.id, request, visit.dialect)
        )
        return
    exchange = visit.services.gateway.chat(request, caller=visit.caller)
    await send_answer(visit, exchange, CompletionsEncoder(exchange.call.id, request, visit.dialect))


def read_prompt(data: bytes) -> ChatRequest:
    """The chat request that such a body asks for.

    Raises:
        InvalidRequest: the body is not JSON, a field is wrong, or it asks for what a chat can't give.
    """
    try:
        body, fields = _decode_body(data), _decode_fields(data)
    except UNREADABLE as error:
        raise unreadable(error) from None
    _refuse_raw_text(body)
    message = {"role": "user", "content": _prompt(body.prompt)}
    others = {name: value for name, value in fields.items() if name not in PromptBody.__struct_fields__}
    return ChatRequest.decode(_encode({**others, "messages": [message]}))


def _prompt(prompt: str | list[Any]) -> str:
    if isinstance(prompt, str):
        return prompt
    if len(prompt) > 1 and all(isinstance(each, str) for each in prompt):
        raise InvalidRequest(f"'prompt' holds {len(prompt)} prompts; send them one request at a time.", param="prompt")
    if not isinstance(prompt[0], str):
        raise InvalidRequest(
            "'prompt' holds token numbers, which differ from model to model; send text.", param="prompt"
        )
    return prompt[0]


def _refuse_raw_text(body: PromptBody) -> None:
    asked = {
        "echo": body.echo,
        "suffix": body.suffix,
        "best_of": body.best_of is not None and body.best_of > 1,
        "logprobs": body.logprobs is not None and body.logprobs is not False,
    }
    for name, wanted in asked.items():
        if wanted:
            raise InvalidRequest(
                f"{name!r} needs a model that continues raw text; here the prompt is answered by a chat model. "
                f"Leave {name!r} out.",
                param=name,
            )


class CompletionsEncoder:
    """Text completions. Usage goes where chat has it: apart if asked for or OpenRouter's, else on the last choice."""

    def __init__(self, call_id: str, request: ChatRequest, dialect: Dialect) -> None:
        self._id = call_id
        self._created = int(time.time())
        self._model = request.model
        self._dialect: Dialect = dialect
        options = request.body.stream_options or {}
        self._usage_apart = dialect == "openrouter" or bool(options.get("include_usage"))
        self._last: list[dict[str, Any]] | None = None
        """The choices that ended, kept back until the account is complete."""

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:
        whole = Choice(0, Delta(content=completion.text), completion.finish_reason or "stop")
        choices = [_choice(each) for each in (only.choices if only is not None else [whole])]
        document = self._document(choices, completion.model, completion.provider)
        return _encode({**document, "usage": usage_object(account), **_fusion(run)})

    def begin(self) -> bytes:
        return b""

    def part(self, chunk: Chunk) -> list[bytes]:
        choices = [_choice(each) for each in chunk.choices if each.finish_reason or each.delta.content]
        if not choices:
            return []
        ready = [] if self._last is None else [self._event(self._last)]
        self._last = None
        document = self._document(choices, chunk.model, chunk.provider)
        if any(each["finish_reason"] for each in choices):
            self._last = choices
            return ready
        return [*ready, b"data: " + _encode(document) + b"\n\n"]

    def progress(self, event: Any) -> list[bytes]:  # noqa: ARG002 - this form has no place for it
        return []

    def end(self, account: Account, run: Any) -> list[bytes]:
        extras = {"usage": usage_object(account), **_fusion(run)}
        if self._usage_apart:
            last = [] if self._last is None else [self._event(self._last)]
            return [*last, self._event([], **extras), _DONE]
        return [_DONE] if self._last is None else [self._event(self._last, **extras), _DONE]

    def failure(self, error: TritiumError) -> list[bytes]:
        status, _ = render_error(error, self._dialect)
        choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": "error"}
        return [self._event([choice], error=error_object(error, status, self._dialect)), _DONE]

    def _event(self, choices: list[dict[str, Any]], **extras: Any) -> bytes:
        return b"data: " + _encode({**self._document(choices, None, None), **extras}) + b"\n\n"

    def _document(self, choices: list[dict[str, Any]], model: str | None, provider: str | None) -> dict[str, Any]:
        self._model = model or self._model
        document = {"id": self._id, "object": "text_completion", "created": self._created, "model": self._model}
        if provider is not None:
            document["provider"] = provider
        return {**document, "choices": choices}


def _choice(choice: Choice) -> dict[str, Any]:
    said = choice.delta.content or choice.delta.refusal or ""
    return {"text": said, "index": choice.index, "logprobs": None, "finish_reason": choice.finish_reason}


def _fusion(run: Any) -> dict[str, Any]:
    return {} if run is None else {"fusion": run}
