"""Routing over real HTTP: whoever fails before its first byte is passed over, and every try is a row in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest

STALL = b"stall"
"""A reply that never comes."""

GONE = b"gone"
"""At the end of a reply: the provider hangs up."""


@dataclass
class Vendor:
    """A provider that gives one reply after the other, the last one for ever; and what it was asked."""

    replies: list[bytes]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def config(self, name: str, **changes: Any) -> dict[str, Any]:
        return {"base_url": self.url, "models": ["m"], "connect_seconds": 1, **changes}


Vendors = Callable[..., Awaitable[Vendor]]


@pytest.fixture
async def vendor() -> AsyncIterator[Vendors]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(*replies: bytes) -> Vendor:
            state = Vendor(list(replies))
            writers: list[asyncio.StreamWriter] = []

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writers.append(writer)
                with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                    while True:
                        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                        length = int(head.partition("content-length:")[2].split()[0])
                        state.keys.append(head.partition("authorization: bearer ")[2].split("\r\n")[0])
                        state.requests.append(json.loads(await reader.readexactly(length)))
                        reply = state.replies.pop(0) if len(state.replies) > 1 else state.replies[0]
                        if reply == STALL:
                            await reader.read()
                            return
                        writer.write(reply.removesuffix(GONE))
                        await writer.drain()
                        if reply.endswith(GONE):
                            writer.close()
                            return

            server = await asyncio.start_server(talk, "127.0.0.1", 0)
            state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

            def close() -> None:
                server.close()
                for writer in writers:
                    writer.close()

            stack.callback(close)
            return state

        yield start


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
    }


@pytest.fixture
def good(wire) -> Callable[[bool, str], bytes]:
    def reply(streaming: bool, text: str = "Fine") -> bytes:
        return wire.events(piece(text), piece("", "stop"), b"[DONE]") if streaming else wire.completion(text)

    return reply


def error(wire: Any, status: int, headers: bytes = b"") -> bytes:
    return wire.http(status, b'{"error": {"message": "no"}}', headers=headers)


def route(*providers: str) -> dict[str, Any]:
    return {"kind": "route", "endpoints": [f"{name}/m" for name in providers]}


def ordered(*providers: str, **more: Any) -> dict[str, Any]:
    return {"provider": {"order": list(providers), **more}}


ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}


async def post(live: Any, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{live.url}/api/v1/chat/completions", json=ASK | body, headers=headers, timeout=20)


async def text_of(live: Any, streaming: bool, body: dict[str, Any]) -> tuple[str, str, str]:
    """The answer, the model that gave it, and the request's id."""
    extra = {name: value for name, value in body.items() if name not in ("model", "messages")}
    if not streaming:
        answer = await live.client.chat.completions.create(**ASK, model=body["model"], extra_body=extra)
        return answer.choices[0].message.content, answer.model, answer.id
    stream = await live.client.chat.completions.create(**ASK, model=body["model"], stream=True, extra_body=extra)
    text, model, answer_id = "", "", ""
    async for chunk in stream:
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        model, answer_id = chunk.model, chunk.id
    return text, model, answer_id


REFUSED = "refused"
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100\r\n\r\n"
FAULTS: dict[str, Callable[[Any], bytes]] = {
    REFUSED: lambda wire: b"",
    "401": lambda wire: error(wire, 401),
    "402": lambda wire: error(wire, 402),
    "403": lambda wire: error(wire, 403),
    "404": lambda wire: error(wire, 404),
    "429": lambda wire: error(wire, 429),
    "429 with Retry-After": lambda wire: error(wire, 429, b"retry-after: 30\r\n"),
    "500": lambda wire: error(wire, 500),
    "503": lambda wire: error(wire, 503),
    "html": lambda wire: wire.http(502, b"<html>Bad gateway</html>", b"text/html"),
    "empty": lambda wire: wire.http(200, b""),
    "truncated": lambda wire: wire.http(200, b'{"choices": [{"ind'),
    "stall": lambda wire: STALL,
    "silent": lambda wire: BEGUN,
    "hangs up": lambda wire: BEGUN + GONE,
    "error event": lambda wire: wire.events({"error": {"code": 500, "message": "no"}}, finished=False),
}


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_what_fails_before_its_first_byte_is_passed_over(serve, vendor, wire, good, fault, streaming):
    bad, fine = await vendor(FAULTS[fault](wire)), await vendor(good(streaming))
    if fault == REFUSED:
        bad.url = "http://127.0.0.1:9/v1"
    providers = {
        "bad": bad.config("bad", first_byte_seconds=0.3, between_bytes_seconds=0.3),
        "fine": fine.config("fine"),
    }
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})

    text, model, request_id = await text_of(live, streaming, {"model": "both", **ordered("bad", "fine")})

    rows = await live.rows(request_id)
    assert (text, model) == ("Fine", "fine/m")
    assert [(row.provider, row.role) for row in rows] == [("bad", "solo"), ("fine", "solo")]
    assert [row.outcome for row in rows] == ["timeout" if fault in ("stall", "silent") else "failed", "ok"]
    assert len({row.id for row in rows}) == 2
    assert rows[0].id == rows[1].request_id == request_id
    assert len(fine.requests) == 1


async def test_after_the_first_chunk_nobody_else_is_asked(serve, vendor, wire, good):
    bad, fine = await vendor(wire.events(piece("Half "), finished=False)), await vendor(good(True))
    providers = {"bad": bad.config("bad", between_bytes_seconds=0.3), "fine": fine.config("fine")}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})

    with pytest.raises(openai.APIError):
        await text_of(live, True, {"model": "both", **ordered("bad", "fine")})

    assert fine.requests == []


async def test_a_request_that_is_wrong_is_wrong_everywhere(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 400)), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine")}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})

    reply = await post(live, {"model": "both", **ordered("bad", "fine")})

    assert reply.status_code == 400
    assert fine.requests == []


async def test_when_all_fail_the_error_names_those_before(serve, vendor, wire):
    busy, broken = await vendor(error(wire, 429, b"retry-after: 7\r\n")), await vendor(error(wire, 401))
    providers = {"busy": busy.config("busy"), "broken": broken.config("broken")}
    live = await serve({"providers": providers, "models": {"both": route("busy", "broken")}})

    reply = await post(live, {"model": "both", **ordered("busy", "broken")})

    failure = reply.json()["error"]
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    assert failure["metadata"]["provider_name"] == "busy"
    assert failure["metadata"]["previous_errors"] == [{"provider": "broken", "code": "invalid_request", "status": 401}]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
async def test_the_models_of_a_request_are_asked_in_turn_whatever_went_wrong(serve, vendor, wire, good, streaming):
    first, second = await vendor(error(wire, 400)), await vendor(good(streaming))
    live = await serve({"providers": {"first": first.config("first"), "second": second.config("second")}})

    asked = {"model": "first/m", "models": ["scripted/error=500", "second/m"]}
    text, model, request_id = await text_of(live, streaming, asked)

    assert (text, model) == ("Fine", "second/m")
    assert [row.provider for row in await live.rows(request_id)] == ["first", "scripted", "second"]
    assert "models" not in second.requests[0]


async def test_models_alone_are_enough(serve):
    live = await serve()

    reply = await post(live, {"models": ["scripted/error=500", "scripted/say=Here"]})

    assert reply.json()["choices"][0]["message"]["content"] == "Here"


async def test_a_fusion_that_fails_falls_back_too(serve):
    live = await serve()
    fusion = {"panel": ["scripted/error=500", "scripted/error=500"]}

    reply = await post(live, {"model": "tritium/fusion", "models": ["scripted/say=Here"], "fusion": fusion})

    assert reply.json()["choices"][0]["message"]["content"] == "Here"


async def test_without_fallbacks_the_first_ones_error_is_the_answer(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 503)), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine")}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})

    reply = await post(live, {"model": "both", **ordered("bad", allow_fallbacks=False)})

    assert reply.status_code == 503
    assert fine.requests == []


# ---------------------------------------------------------------- once more


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ["500", "503", "429", "hangs up"])
async def test_the_only_endpoint_gets_a_second_chance(serve, vendor, wire, good, fault, streaming):
    only = await vendor(FAULTS[fault](wire), good(streaming))
    live = await serve({"providers": {"only": only.config("only", between_bytes_seconds=0.3)}, "routing": {}})

    text, _, request_id = await text_of(live, streaming, {"model": "only/m"})

    assert text == "Fine"
    assert [row.outcome for row in await live.rows(request_id)] == ["failed", "ok"]


@pytest.mark.parametrize("fault", ["400", "401", "429 with Retry-After"])
async def test_what_a_second_try_cannot_help_has_none(serve, vendor, wire, fault):
    only = await vendor({**FAULTS, "400": lambda wire: error(wire, 400)}[fault](wire))
    live = await serve({"providers": {"only": only.config("only")}, "routing": {}})

    reply = await post(live, {"model": "only/m"})

    assert reply.status_code in (400, 429, 502)
    assert len(only.requests) == 1


async def test_several_keys_take_turns_and_a_refused_one_is_left_alone(serve, vendor, wire, good):
    only = await vendor(error(wire, 401), good(False))
    live = await serve(
        {"providers": {"only": only.config("only", key_env="ONLY_KEY")}}, ONLY_KEY="k1,k2", ONLY_KEY_1="k3"
    )

    for _ in range(4):
        assert (await post(live, {"model": "only/m"})).status_code == 200

    assert only.keys == ["k1", "k2", "k3", "k2", "k3"]


# ---------------------------------------------------------------- circuit, queue, clock


async def test_an_endpoint_that_keeps_failing_is_no_longer_asked_first(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 500)), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine")}
    routing = {"retries": 0, "breaker_failures": 2}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}, "routing": routing})

    for _ in range(5):
        assert (await post(live, {"model": "both", **ordered("bad", "fine")})).status_code == 200

    assert (len(bad.requests), len(fine.requests)) == (2, 5)


async def test_a_retry_after_keeps_everybody_away_until_then(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 429, b"retry-after: 60\r\n")), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine")}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})

    for _ in range(3):
        await post(live, {"model": "both", **ordered("bad", "fine")})

    assert (len(bad.requests), len(fine.requests)) == (1, 3)


async def test_who_finds_no_place_in_time_is_answered_with_429(serve, vendor, good):
    only = await vendor(STALL)
    config = only.config("only", max_concurrency=1, queue_seconds=0.1)
    live = await serve({"providers": {"only": config}})
    first = asyncio.create_task(post(live, {"model": "only/m"}))
    while not only.requests:  # noqa: ASYNC110 - the server is not ours to signal from
        await asyncio.sleep(0.01)

    reply = await post(live, {"model": "only/m"})
    first.cancel()
    await asyncio.wait([first])

    assert reply.status_code == 429
    assert reply.json()["error"]["availability"]["code"] == "capacity_exhausted"
    assert "max_concurrency" in reply.json()["error"]["message"]
    assert len(only.requests) == 1


async def test_an_answer_as_a_whole_has_a_limit_too(serve, vendor, wire):
    only = await vendor(wire.events(piece("On "), finished=False))
    live = await serve({"providers": {"only": only.config("only", total_seconds=0.3)}})

    reply = await post(live, {"model": "only/m", "stream": True})

    assert '"finish_reason":"error"' in reply.text
    assert "total_seconds" in reply.text


# ---------------------------------------------------------------- preferences


async def test_a_router_behind_us_is_told_the_preferences_it_can_keep(serve, vendor, good):
    behind = await vendor(good(False))
    providers = {"openrouter": {"base_url": behind.url}}
    live = await serve({"providers": providers}, OPENROUTER_API_KEY="k")
    wish = {"order": ["openrouter", "azure"], "only": ["azure"], "zdr": True, "sort": None}

    reply = await post(live, {"model": "anthropic/claude-opus-5-5", "provider": wish})

    assert reply.json()["model"] == "anthropic/claude-opus-5-5"
    assert reply.json()["provider"] == "openrouter"
    assert behind.requests[0]["model"] == "anthropic/claude-opus-5-5"
    assert behind.requests[0]["provider"] == {"only": ["azure"], "order": ["azure"], "zdr": True}


async def test_a_models_own_vendor_comes_before_those_who_sell_it_on(serve, vendor, wire, good):
    own, behind = await vendor(good(False), error(wire, 503)), await vendor(good(False, "Resold"))
    providers = {"openai": {"base_url": own.url}, "openrouter": {"base_url": behind.url}}
    live = await serve({"providers": providers}, OPENROUTER_API_KEY="k", OPENAI_API_KEY="k")

    answers = [(await post(live, {"model": "openai/gpt-6.1-sol"})).json() for _ in range(2)]

    assert [each["provider"] for each in answers] == ["openai", "openrouter"]
    assert [each["model"] for each in answers] == ["openai/gpt-6.1-sol"] * 2
    assert "provider" not in own.requests[0]


async def test_an_unknown_key_is_refused_with_the_one_that_was_meant(serve):
    reply = await post(await serve(), {"model": "scripted/ok", "provider": {"ordre": ["openai"]}})

    assert reply.status_code == 400
    assert "provider has no key 'ordre'. Did you mean 'order'?" in reply.json()["error"]["message"]


async def test_when_conditions_leave_nobody_the_error_says_whom_and_why(serve, vendor, good):
    only = await vendor(good(False))
    live = await serve({"providers": {"only": only.config("only")}})

    reply = await post(live, {"model": "only/m", "provider": {"zdr": True}})

    failure = reply.json()["error"]
    assert reply.status_code == failure["code"] == 404
    assert failure["availability"] | {"constraint": None} == {
        "code": "privacy_restricted",
        "retryable": False,
        "requested_models": ["only/m"],
        "affected_providers": ["only"],
        "excluded_by": ["data_policy:zdr"],
        "constraint": None,
    }
    assert failure["availability"]["constraint"]["field"] == "provider.zdr"
    assert "providers.only.zdr" in failure["message"]
    assert only.requests == []


async def test_a_fusions_members_keep_the_conditions_too(serve, vendor, good):
    leaky = await vendor(good(False))
    live = await serve({"providers": {"leaky": leaky.config("leaky")}})
    fusion = {"panel": ["leaky/m", "scripted/say=Safe"], "strategy": "consensus", "quorum": 1}

    reply = await post(live, {"model": "tritium/fusion", "fusion": fusion, "provider": {"data_collection": "deny"}})

    assert reply.json()["choices"][0]["message"]["content"] == "Safe"
    assert leaky.requests == []


# ---------------------------------------------------------------- presets


async def test_a_preset_is_laid_under_the_request(serve, vendor, good):
    only = await vendor(good(False))
    preset = {"model": "only/m", "system_prompt": "Be brief.", "parameters": {"temperature": 0.1, "max_tokens": 5}}
    live = await serve({"providers": {"only": only.config("only")}, "presets": {"brief": preset}})

    for named in ({"model": "@preset/brief"}, {"preset": "brief"}, {"model": "only/m@preset/brief"}):
        assert (await post(live, {**named, "max_tokens": 7})).status_code == 200

    for asked in only.requests:
        assert asked["messages"] == [{"role": "system", "content": "Be brief."}, *ASK["messages"]]
        assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("m", 0.1, 7)
        assert "preset" not in asked


async def test_an_unknown_preset_is_refused(serve):
    live = await serve({"presets": {"brief": {"model": "scripted/ok"}}})

    reply = await post(live, {"model": "@preset/breif"})

    assert reply.status_code == 400
    assert "Did you mean 'brief'?" in reply.json()["error"]["message"]


# ---------------------------------------------------------------- metadata


async def test_who_asks_is_told_how_the_answer_came_about(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 503)), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine"), "other": fine.config("other")}
    live = await serve({"providers": providers, "models": {"three": route("bad", "fine", "other")}})

    asked = {"model": "three", **ordered("bad", "fine", ignore=["other"])}
    told = (await post(live, asked, **{"X-OpenRouter-Metadata": "Enabled"})).json()["openrouter_metadata"]

    assert told == {
        "requested": "three",
        "strategy": "direct",
        "region": None,
        "summary": "available=2, selected=fine",
        "attempt": 2,
        "is_byok": True,
        "endpoints": {
            "total": 3,
            "available": [
                {"provider": "bad", "model": "bad/m", "selected": False},
                {"provider": "fine", "model": "fine/m", "selected": True},
            ],
        },
        "attempts": [
            {"provider": "bad", "model": "bad/m", "status": 503},
            {"provider": "fine", "model": "fine/m", "status": 200},
        ],
    }


async def test_a_stream_tells_it_in_its_last_chunk(serve):
    live = await serve()

    reply = await post(
        live,
        {"model": "scripted/error=429", "models": ["scripted/words=2"], "stream": True},
        **{"X-OpenRouter-Metadata": "enabled"},
    )

    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
    *before, last = [json.loads(line) for line in lines[:-1]]
    assert lines[-1] == "[DONE]"
    assert not any("openrouter_metadata" in each for each in before)
    assert last["openrouter_metadata"]["strategy"] == "fallback"
    assert [each["status"] for each in last["openrouter_metadata"]["attempts"]] == [429, 200]
    assert last["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("asked", "attempts"),
    [({"model": "scripted/error=503"}, 1), ({"model": "scripted/ok", "provider": {"only": ["openai"]}}, 0)],
)
async def test_an_error_tells_it_beside_itself(serve, asked, attempts):
    told = (await post(await serve(), asked, **{"X-OpenRouter-Metadata": "enabled"})).json()

    assert told["error"]["code"] in (404, 503)
    assert told["openrouter_metadata"]["attempt"] == attempts
    assert told["openrouter_metadata"]["summary"].endswith("selected=none")


async def test_a_fusions_metadata_shows_its_panel(serve):
    live = await serve()
    fusion = {"panel": ["scripted/say=4", "scripted/error=500", "scripted/say=4"]}

    reply = await post(live, {"model": "tritium/fusion", "fusion": fusion}, **{"X-OpenRouter-Metadata": "enabled"})

    told = reply.json()["openrouter_metadata"]
    assert told["strategy"] == "fusion"
    assert told["pipeline"][0]["summary"] == "fusion: 3 panel, 1 failed"


@pytest.mark.parametrize("header", [{}, {"X-OpenRouter-Metadata": "true"}])
async def test_nobody_else_is_bothered_with_it(serve, header):
    reply = await post(await serve(), {"model": "scripted/ok"}, **header)

    assert "openrouter_metadata" not in reply.json()


async def test_generation_speaks_of_the_one_that_answered(serve, vendor, wire, good):
    bad, fine = await vendor(error(wire, 503)), await vendor(good(False))
    providers = {"bad": bad.config("bad"), "fine": fine.config("fine")}
    live = await serve({"providers": providers, "models": {"both": route("bad", "fine")}})
    request_id = (await post(live, {"model": "both", **ordered("bad", "fine")})).json()["id"]

    async with httpx.AsyncClient() as client:
        found = (await client.get(f"{live.url}/api/v1/generation", params={"id": request_id})).json()["data"]

    assert (found["provider_name"], found["model"], found["router"]) == ("fine", "fine/m", None)
    assert [each["outcome"] for each in found["calls"]] == ["failed", "ok"]


# ---------------------------------------------------------------- variants


@pytest.mark.parametrize(
    ("more", "effort"),
    [({}, "medium"), ({"reasoning": {"effort": "low"}}, "low"), ({"reasoning_effort": "high"}, "high")],
)
async def test_the_thinking_variant_reasons_unless_the_request_says_how_much(serve, vendor, good, more, effort):
    fine = await vendor(good(False))
    live = await serve({"providers": {"fine": fine.config("fine")}, "models": {"deep": route("fine")}})

    reply = await post(live, {"model": "deep:thinking", **more})

    assert reply.status_code == 200
    assert (fine.requests[0]["model"], fine.requests[0]["reasoning_effort"]) == ("m", effort)


async def test_a_variant_that_nobody_can_give_is_refused_with_what_would_help(serve, vendor, good):
    fine = await vendor(good(False))
    live = await serve({"providers": {"fine": fine.config("fine")}, "models": {"deep": route("fine")}})

    replies = [await post(live, {"model": f"deep:{variant}"}) for variant in ("online", "extended")]

    assert [reply.status_code for reply in replies] == [400, 400]
    assert "needs a web search" in replies[0].json()["error"]["message"]
    assert "Ask for deep" in replies[1].json()["error"]["message"]
    assert fine.requests == []
