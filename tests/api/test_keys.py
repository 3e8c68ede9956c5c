"""Keys over HTTP: made, used by the official SDK, limited, changed, revoked; and who may see what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sqlite3
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

MANAGEMENT = "mgmt-0123456789abcdef"
MESSAGES = [{"role": "user", "content": "Hello there"}]
ACCOUNTS = {"management_key_env": "MANAGE"}


class Manager:
    """Whoever has the management key."""

    def __init__(self, live: Any) -> None:
        self.live = live

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = MANAGEMENT) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(timeout=10) as client:
            return await client.request(method, f"{self.live.url}/api/v1{path}", json=body, headers=headers)

    async def make(self, **fields: Any) -> tuple[dict[str, Any], str]:
        reply = await self.ask("POST", "/keys", {"name": "team a", **fields})
        assert reply.status_code == 201, reply.text
        return reply.json()["data"], reply.json()["key"]

    def client(self, key: str) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.live.url}/v1", api_key=key, max_retries=0, timeout=20)

    async def chat(self, key: str, model: str = "scripted/words=5", **fields: Any) -> Any:
        async with self.client(key) as client:
            return await client.chat.completions.create(model=model, messages=MESSAGES, **fields)


@pytest.fixture
async def manager(serve):
    return Manager(await serve({"accounts": ACCOUNTS}, MANAGE=MANAGEMENT))


# ---------------------------------------------------------------- the keys themselves


async def test_a_key_is_made_shown_once_and_has_openrouters_fields(manager):
    made, secret = await manager.make(limit=10, limit_reset="monthly", allowed_models=["scripted/*"])

    assert secret.startswith("sk-tr-v1-")
    assert len(secret) == len("sk-tr-v1-") + 64
    assert made["label"] == f"{secret[:12]}...{secret[-3:]}"
    assert made | {"hash": "", "label": "", "created_at": ""} == {
        "hash": "",
        "name": "team a",
        "label": "",
        "disabled": False,
        "limit": 10,
        "limit_remaining": 10,
        "limit_reset": "monthly",
        "include_byok_in_limit": True,
        "usage": 0,
        "usage_daily": 0,
        "usage_weekly": 0,
        "usage_monthly": 0,
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "created_at": "",
        "updated_at": None,
        "expires_at": None,
        "creator_user_id": None,
        "workspace_id": "00000000-0000-0000-0000-000000000000",
        "external_user": None,
        "last_used_at": None,
        "allowed_models": ["scripted/*"],
        "allowed_providers": None,
        "requests_per_minute": None,
        "tokens_per_minute": None,
    }
    listed = (await manager.ask("GET", "/keys")).json()["data"]
    assert listed == [made]
    assert (await manager.ask("GET", f"/keys/{made['hash']}")).json()["data"] == made


async def test_the_secret_is_nowhere_on_disk(manager, tmp_path):
    _, secret = await manager.make()
    await manager.chat(secret)
    await manager.live.running.ledger.aflush()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert (tmp_path / "pepper").stat().st_mode & 0o777 == 0o600


async def test_a_key_can_be_changed_disabled_and_deleted(manager):
    made, secret = await manager.make()
    path = f"/keys/{made['hash']}"

    changed = (await manager.ask("PATCH", path, {"name": "team b", "disabled": True, "limit": 2.5})).json()["data"]
    assert (changed["name"], changed["disabled"], changed["limit"]) == ("team b", True, 2.5)
    assert changed["updated_at"] is not None
    with pytest.raises(openai.PermissionDeniedError, match="disabled"):
        await manager.chat(secret)

    await manager.ask("PATCH", path, {"disabled": False, "limit": None})
    await manager.chat(secret)
    assert (await manager.ask("DELETE", path)).json() == {"deleted": True}
    assert (await manager.ask("GET", path)).status_code == 404
    assert (await manager.ask("DELETE", path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": ""}, "length"),
        ({"name": "x", "limit": -1}, "limit"),
        ({"name": "x", "limit_reset": "yearly"}, "yearly"),
        ({"name": "x", "alowed_models": []}, "allowed_models"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "past"),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00+02:00"}, "UTC"),
        ({"name": "x", "expires_at": "soon"}, "UTC"),
        ({"name": "x", "requests_per_minute": 0}, ">= 1"),
        (7, "object"),
    ],
)
async def test_a_wrong_wish_is_a_400_that_says_so(manager, body, says):
    reply = await manager.ask("POST", "/keys", body)

    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


# ---------------------------------------------------------------- who may do what


async def test_without_keys_this_machine_needs_none_and_makes_none(serve):
    manager = Manager(await serve())

    await manager.chat("unused")
    reply = await manager.ask("POST", "/keys", {"name": "x"}, key=None)

    assert reply.status_code == 401
    assert "management_key_env" in reply.json()["error"]["message"]


async def test_as_soon_as_there_is_a_key_everybody_needs_one(manager):
    await manager.chat("unused")
    await manager.make()

    with pytest.raises(openai.AuthenticationError):
        await manager.chat("unused")
    for path in ("/models", "/generation?id=x", "/fusion/runs", "/credits", "/key"):
        assert (await manager.ask("GET", path, key=None)).status_code == 401
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{manager.live.url}/health")).status_code == 200


async def test_keys_can_be_required_before_there_is_one(serve):
    manager = Manager(await serve({"accounts": {"require_key": True}}))

    with pytest.raises(openai.AuthenticationError, match="Nobody has this key"):
        await manager.chat("unused")


async def test_an_ordinary_key_may_not_make_keys_and_the_management_key_may_not_ask(manager):
    made, secret = await manager.make()

    for method, path in (("GET", "/keys"), ("POST", "/keys"), ("DELETE", f"/keys/{made['hash']}"), ("GET", "/credits")):
        assert (await manager.ask(method, path, {}, key=secret)).status_code == 403
    with pytest.raises(openai.PermissionDeniedError, match="can't ask models"):
        await manager.chat(MANAGEMENT)


async def test_x_api_key_is_as_good_as_a_bearer(manager):
    _, secret = await manager.make()

    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{manager.live.url}/v1/models", headers={"x-api-key": secret})
    assert reply.status_code == 200


async def test_refusals_come_in_the_callers_dialect(manager):
    await manager.make()
    body = {"model": "scripted/ok", "messages": MESSAGES, "max_tokens": 5}
    async with httpx.AsyncClient() as client:
        url = manager.live.url
        theirs = (await client.post(f"{url}/api/v1/chat/completions", json=body)).json()
        openais = (await client.post(f"{url}/v1/chat/completions", json=body)).json()
        anthropics = (await client.post(f"{url}/v1/messages", json=body)).json()

    assert (theirs["error"]["code"], theirs["error"]["metadata"]["error_type"]) == (401, "authentication")
    assert openais["error"]["type"] == "authentication_error"
    assert (anthropics["type"], anthropics["error"]["type"]) == ("error", "authentication_error")


async def test_a_key_asks_only_the_models_it_may(manager):
    _, secret = await manager.make(allowed_models=["scripted/say=*", "tritium/fusion"])

    await manager.chat(secret, "scripted/say=hi")
    with pytest.raises(openai.PermissionDeniedError, match="may not ask"):
        await manager.chat(secret, "scripted/words=5")
    for named in (
        {"fusion": {"panel": ["scripted/words=5"]}},
        {"fusion": {"panel": ["scripted/say=a"], "judge": "scripted/words=5"}},
        {"plugins": [{"id": "fusion", "analysis_models": ["scripted/words=5"]}]},
        {"models": ["scripted/words=5"]},
    ):
        with pytest.raises(openai.PermissionDeniedError, match="may not ask"):
            await manager.chat(secret, "tritium/fusion", extra_body=named)


async def test_a_key_reaches_only_the_providers_it_may_through_a_fusion_too(manager):
    _, secret = await manager.make(allowed_providers=["openai"])

    with pytest.raises(openai.PermissionDeniedError, match="may not go to 'scripted'"):
        await manager.chat(secret)
    with pytest.raises(openai.PermissionDeniedError, match="may not go to 'scripted'"):
        await manager.chat(secret, "tritium/fusion", extra_body={"fusion": {"panel": ["scripted/say=a"] * 2}})


async def test_a_caller_sees_its_own_generations_and_runs_only(manager):
    _, mine = await manager.make()
    _, theirs = await manager.make(name="team b")
    panel = {"fusion": {"panel": ["scripted/say=7", "scripted/say=7"]}}
    answer = await manager.chat(mine, "tritium/fusion", extra_body=panel)

    for path in (f"/generation?id={answer.id}", f"/fusion/runs/{answer.id}"):
        assert (await manager.ask("GET", path, key=mine)).status_code == 200
        assert (await manager.ask("GET", path, key=theirs)).status_code == 404
        assert (await manager.ask("GET", path)).status_code == 200
    runs = [len((await manager.ask("GET", "/fusion/runs", key=key)).json()["data"]) for key in (mine, theirs)]
    assert runs == [1, 0]


# ---------------------------------------------------------------- limits


async def test_a_key_that_has_spent_its_limit_is_refused_with_402(manager):
    made, secret = await manager.make(limit=0.00004)

    await manager.chat(secret, max_tokens=5)  # 2 tokens in at 1000 nano-dollars, 5 out at 2000
    with pytest.raises(openai.APIStatusError) as caught:
        await manager.chat(secret, max_tokens=5)

    assert caught.value.status_code == 402
    assert "Key limit exceeded" in caught.value.message
    now = (await manager.ask("GET", f"/keys/{made['hash']}")).json()["data"]
    assert now["usage"] == now["usage_daily"] == 0.000012
    assert now["limit_remaining"] == pytest.approx(0.000028)


async def test_fifty_parallel_requests_dont_overspend_a_limit(manager):
    made, secret = await manager.make(limit=0.0003)
    async with manager.client(secret) as client:

        async def ask() -> int:
            try:
                await client.chat.completions.create(model="scripted/words=5;delay=50", messages=MESSAGES, max_tokens=5)
            except openai.APIStatusError as refused:
                return refused.status_code
            return 200

        statuses = await asyncio.gather(*(ask() for _ in range(50)))

    assert set(statuses) == {200, 402}
    now = (await manager.ask("GET", f"/keys/{made['hash']}")).json()["data"]
    assert now["usage"] <= 0.0003
    assert now["usage"] == pytest.approx(statuses.count(200) * 0.000012)


async def test_a_call_of_unknown_cost_counts_what_is_assumed_for_it_and_says_unknown(serve):
    manager = Manager(await serve({"accounts": {**ACCOUNTS, "unknown_cost_usd": 0.25}}, MANAGE=MANAGEMENT))
    made, secret = await manager.make(limit=0.6)

    answer = await manager.chat(secret, "scripted/words=5;price=unknown")
    now = (await manager.ask("GET", f"/keys/{made['hash']}")).json()["data"]
    assert answer.usage.cost is None
    assert (now["usage"], now["limit_remaining"]) == (0, 0.35)

    await manager.chat(secret, "scripted/words=5;price=unknown")
    with pytest.raises(openai.APIStatusError) as caught:
        await manager.chat(secret, "scripted/words=5;price=unknown")
    assert caught.value.status_code == 402


async def test_what_was_spent_is_known_after_a_restart(serve, tmp_path):
    first = Manager(await serve({"accounts": ACCOUNTS}, MANAGE=MANAGEMENT))
    _, secret = await first.make(limit=0.00004)
    await first.chat(secret, max_tokens=5)
    await first.live.running.ledger.aflush()

    second = Manager(await serve({"accounts": ACCOUNTS}, MANAGE=MANAGEMENT))
    with pytest.raises(openai.APIStatusError) as caught:
        await second.chat(secret, max_tokens=5)

    assert caught.value.status_code == 402
    with sqlite3.connect(tmp_path / "tritium.db") as database:
        assert database.execute("select count(*) from reservations").fetchone() == (0,)
    database.close()


async def test_a_failed_and_an_abandoned_call_give_back_what_was_set_aside(manager):
    made, secret = await manager.make(limit=0.0001)
    for _ in range(10):
        with pytest.raises(openai.APIStatusError) as caught:
            await manager.chat(secret, "scripted/error=500", max_tokens=5)
        assert caught.value.status_code != 402
    async with manager.client(secret) as client:
        stream = await client.chat.completions.create(
            model="scripted/stall=2", messages=MESSAGES, max_tokens=5, stream=True
        )
        await anext(aiter(stream))
        await stream.close()

    holder = manager.live.running.accounts.keyring.get(made["hash"])
    async with asyncio.timeout(5):
        while holder.spending.left(100_000, 0) != 100_000 - 2 * 1000 - 2 * 2000:  # noqa: ASYNC110 - a server's task
            await asyncio.sleep(0.01)


async def test_too_many_requests_are_a_429_that_says_when(manager):
    _, secret = await manager.make(requests_per_minute=2)

    await manager.chat(secret)
    await manager.chat(secret)
    with pytest.raises(openai.RateLimitError) as caught:
        await manager.chat(secret)

    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30


async def test_too_many_tokens_are_a_429_too(manager):
    _, secret = await manager.make(tokens_per_minute=100)

    await manager.chat(secret, "scripted/words=200")
    with pytest.raises(openai.RateLimitError, match="tokens a minute"):
        await manager.chat(secret)


# ---------------------------------------------------------------- what was used


async def test_a_key_can_look_at_itself(manager):
    _, secret = await manager.make(limit=1)
    await manager.chat(secret, max_tokens=5)

    mine = (await manager.ask("GET", "/key", key=secret)).json()["data"]
    managers = (await manager.ask("GET", "/key")).json()["data"]

    assert (mine["limit"], mine["limit_remaining"], mine["usage"]) == (1, 0.999988, 0.000012)
    assert not mine["is_management_key"]
    assert managers["is_management_key"]
    assert managers["rate_limit"]["requests"] == -1


async def test_credits_and_activity_add_up_what_the_ledger_says(manager):
    made, secret = await manager.make(limit=3)
    await manager.make(limit=4)
    await manager.chat(secret)
    await manager.chat(secret)

    assert (await manager.ask("GET", "/credits")).json() == {"data": {"total_credits": 7, "total_usage": 0.000024}}
    (row,) = (await manager.ask("GET", "/activity")).json()["data"]
    assert (row["model"], row["requests"], row["prompt_tokens"], row["completion_tokens"], row["usage"]) == (
        "scripted/words=5",
        2,
        4,
        10,
        0.000024,
    )
    for query, count in ((f"date={row['date']}", 1), ("date=2001-01-01", 0), (f"api_key_hash={made['hash']}", 1)):
        assert len((await manager.ask("GET", f"/activity?{query}")).json()["data"]) == count
    assert (await manager.ask("GET", "/activity?date=today")).status_code == 400
    assert (row["endpoint_id"], row["cached_tokens"]) == ("scripted:scripted/words=5", 0)


async def test_activity_is_of_the_one_workspace(manager):
    made, secret = await manager.make()
    await manager.chat(secret)
    workspace = made["workspace_id"]

    (row,) = (await manager.ask("GET", f"/activity?group_by=workspace&workspace_id={workspace}")).json()["data"]

    assert row["workspace_id"] == workspace
    assert (await manager.ask("GET", "/activity?workspace_id=another")).json()["data"] == []
    assert (await manager.ask("GET", "/activity?group_by=day")).status_code == 400


async def test_without_limits_there_are_no_credits_to_speak_of(manager):
    await manager.make()

    assert (await manager.ask("GET", "/credits")).json()["data"]["total_credits"] == 0


# ---------------------------------------------------------------- codes


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def test_a_code_becomes_a_key_once(manager):
    wish = {"code_challenge": challenge("v" * 43), "code_challenge_method": "S256", "key_label": "app", "limit": 2}
    code = (await manager.ask("POST", "/auth/keys/code", wish)).json()["data"]["id"]
    proof = {"code": code, "code_verifier": "v" * 43, "code_challenge_method": "S256"}

    made = await manager.ask("POST", "/auth/keys", proof, key=None)
    again = await manager.ask("POST", "/auth/keys", proof, key=None)

    assert made.status_code == 200
    assert made.json()["user_id"] is None
    await manager.chat(made.json()["key"])
    (key,) = (await manager.ask("GET", "/keys")).json()["data"]
    assert (key["name"], key["limit"]) == ("app", 2)
    assert again.status_code == 403


@pytest.mark.parametrize("method", ["S256", "plain"])
async def test_a_wrong_verifier_uses_the_code_up(manager, method):
    proof = challenge("right") if method == "S256" else "right"
    wish = {"code_challenge": proof, "code_challenge_method": method}
    code = (await manager.ask("POST", "/auth/keys/code", wish)).json()["data"]["id"]

    for verifier in ("wrong", "right"):
        reply = await manager.ask("POST", "/auth/keys", {"code": code, "code_verifier": verifier}, key=None)
        assert reply.status_code == 403, reply.text
    assert (await manager.ask("GET", "/keys")).json()["data"] == []


async def test_codes_take_the_management_key_and_a_sane_callback(manager):
    assert (await manager.ask("POST", "/auth/keys/code", {}, key=None)).status_code == 401
    for url, status in (("http://evil.example", 400), ("https://app.example/x", 200), ("http://localhost:9/x", 200)):
        assert (await manager.ask("POST", "/auth/keys/code", {"callback_url": url})).status_code == status


# ---------------------------------------------------------------- guardrails


async def test_what_is_redacted_never_leaves(serve, upstream, wire):
    upstream.reply = wire.completion("Call 4111 1111 1111 1111 now", usage=None)
    config = {
        "providers": {"own": {"base_url": upstream.url}},
        "guardrails": {"input": {"email": "redact"}, "output": {"credit_card": "redact"}},
    }
    manager = Manager(await serve(config))
    async with manager.client("unused") as client:
        answer = await client.chat.completions.create(
            model="own/m", messages=[{"role": "user", "content": [{"type": "text", "text": "I am jo@acme.org, hi"}]}]
        )

    assert upstream.requests[0]["messages"][0]["content"][0]["text"] == "I am [REDACTED:email], hi"
    assert answer.choices[0].message.content == "Call [REDACTED:credit_card] now"


async def test_a_stream_is_redacted_wherever_it_is_cut(serve):
    manager = Manager(await serve({"guardrails": {"output": {"us_ssn": "redact", "phone": "redact"}}}))
    model = "scripted/say=Mine%20is%20078-05-1120%20and%20my%20phone%20(212)%20555%200147%20.%20Bye"
    async with manager.client("unused") as client:
        stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert text == "Mine is [REDACTED:us_ssn] and my phone [REDACTED:phone] . Bye"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("side", ["input", "output"])
async def test_what_is_blocked_is_a_403_with_the_patterns(serve, side, stream):
    config = {"guardrails": {side: {"project": "block"}, "patterns": {"project": r"\bPRJ-\d{3,6}\b"}}}
    manager = Manager(await serve(config))
    content = "What of PRJ-1234?" if side == "input" else "What?"
    body = {"model": "scripted/say=PRJ-99123%20it%20is", "messages": [{"role": "user", "content": content}]}
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{manager.live.url}/api/v1/chat/completions", json={**body, "stream": stream})

    assert reply.status_code == 403, reply.text
    assert json.loads(reply.text)["error"]["metadata"]["patterns"] == ["project"]


async def test_what_is_blocked_late_in_a_stream_ends_it_with_an_error(serve):
    manager = Manager(await serve({"guardrails": {"output": {"email": "block"}}}))
    model = f"scripted/say={'word%20' * 60}jo@acme.org"
    said = ""
    async with manager.client("unused") as client:
        stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="email"):  # noqa: PT012 - it fails midway
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""

    assert "word" in said
    assert "acme" not in said


async def test_a_guardrails_budget_and_lists_hold_for_everybody(serve):
    guardrails = {"budget_per_day_usd": 0.00004, "ignored_models": ["scripted/say=no*"]}
    manager = Manager(await serve({"guardrails": guardrails}))

    with pytest.raises(openai.PermissionDeniedError, match="keeps the model"):
        await manager.chat("unused", "scripted/say=nothing", max_tokens=1)
    await manager.chat("unused", max_tokens=5)
    with pytest.raises(openai.PermissionDeniedError, match="budget"):
        await manager.chat("unused", max_tokens=5)
