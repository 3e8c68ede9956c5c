"""The catalogue over HTTP: what is said of a model is true, filters filter, and a page leads to the next."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2

KEYS = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "COHERE_API_KEY": "k", "XAI_API_KEY": "k", "CEREBRAS_API_KEY": "k"}
UNKNOWN = {"providers": {"mine": {"base_url": "http://127.0.0.1:1/v1", "models": ["one"]}}}


async def get(live: Any, path: str, **query: Any) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.get(f"{live.url}/api/v1{path}", params=query)


async def rows(live: Any, **query: Any) -> list[dict[str, Any]]:
    answer = await get(live, "/models", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def ids(live: Any, **query: Any) -> set[str]:
    return {row["id"] for row in await rows(live, **query)}


async def test_a_models_abilities_are_the_kept_ones(serve):
    live = await serve(**KEYS)
    known = {row["id"]: row for row in await rows(live)}

    flagship = known["openai/gpt-6.1-sol"]
    assert {"tools", "tool_choice", "structured_outputs", "reasoning"} <= set(flagship["supported_parameters"])
    assert "temperature" not in flagship["supported_parameters"]  # the vendor refuses it
    assert flagship["architecture"]["input_modalities"] == ["text", "image"]
    assert flagship["architecture"]["modality"] == "text+image->text"
    assert flagship["context_length"] > 1_000_000
    assert flagship["top_provider"]["max_completion_tokens"] == 128_000


async def test_what_nobody_knows_is_not_claimed(serve):
    live = await serve(UNKNOWN)
    (row,) = [row for row in await rows(live) if row["id"] == "mine/one"]

    assert row["supported_parameters"] == ["max_tokens", "stop", "temperature", "top_p"]
    assert row["architecture"]["input_modalities"] == ["text"]
    assert row["context_length"] is None
    assert row["pricing"] is None


async def test_every_row_has_what_the_specification_requires(serve):
    live = await serve(UNKNOWN, **KEYS)
    required = {
        *("id", "canonical_slug", "name", "created", "context_length", "architecture", "pricing", "top_provider"),
        *("per_request_limits", "supported_parameters", "default_parameters", "supported_voices", "links"),
    }
    for row in await rows(live, output_modalities="all"):
        assert required <= set(row)


FILTERS: list[tuple[dict[str, str], str, str]] = [
    ({"q": "GPT-6"}, "openai/gpt-6.1-sol", "xai/grok-4.7"),
    ({"arch": "grok"}, "xai/grok-4.7", "openai/gpt-6.1-sol"),
    ({"supported_parameters": "tools,temperature"}, "xai/grok-4.7", "openai/gpt-6.1-sol"),
    ({"input_modalities": "image"}, "openai/gpt-6.1-sol", "groq/openai/gpt-oss-120b"),
    ({"model_authors": "openai"}, "groq/openai/gpt-oss-120b", "xai/grok-4.7"),
    ({"providers": "xai,cohere"}, "xai/grok-4.7", "openai/gpt-6.1-sol"),
    ({"context": "400000"}, "openai/gpt-6.1-sol", "groq/openai/gpt-oss-120b"),
    ({"context": "400000"}, "xai/grok-4.7", "mine/one"),
    ({"max_price": "1"}, "groq/openai/gpt-oss-120b", "xai/grok-4.7"),
    ({"min_output_price": "5"}, "xai/grok-4.7", "groq/openai/gpt-oss-120b"),
    ({}, "openai/gpt-6.1-sol", "openai/text-embedding-3-small"),
    ({"output_modalities": "embeddings"}, "openai/text-embedding-3-small", "openai/gpt-6.1-sol"),
]


async def test_a_filter_keeps_what_fits_and_nothing_else(serve):
    live = await serve(UNKNOWN, **KEYS)

    for query, inside, outside in FILTERS:
        found = await ids(live, **query)
        assert inside in found, query
        assert outside not in found, query


async def test_an_order_puts_what_is_unknown_last(serve):
    live = await serve(UNKNOWN, **KEYS)

    def prices(found: list[dict[str, Any]]) -> list[float]:
        return [float(row["pricing"]["prompt"]) for row in found if row["pricing"] and row["pricing"]["prompt"] != "-1"]

    cheap = prices(await rows(live, sort="pricing-low-to-high"))
    assert cheap == sorted(cheap)
    dear = prices(await rows(live, sort="pricing-high-to-low"))
    assert dear == sorted(cheap, reverse=True)
    wide = [row["context_length"] or 0 for row in await rows(live, sort="context-high-to-low")]
    assert wide == sorted(wide, reverse=True)
    assert len(await rows(live, sort="most-popular")) == len(wide)


async def test_pages_follow_each_other_to_the_end(serve):
    live = await serve(**KEYS)
    everything = [row["id"] for row in await rows(live, q="/")]

    path, seen = "/api/v1/models?q=%2F&limit=3", []
    async with httpx2.AsyncClient() as http:
        while path is not None:
            page = (await http.get(live.url + path)).json()
            assert page["total_count"] == len(everything)
            assert len(page["data"]) <= 3
            seen += [row["id"] for row in page["data"]]
            path = page["links"]["next"]

    assert seen == everything


WRONG = [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"offset": "-1"}, {"context": "many"}, {"sort": "best"}]


async def test_a_parameter_that_means_nothing_is_refused_by_name(serve):
    live = await serve()

    for query in WRONG:
        answer = await get(live, "/models", **query)
        assert answer.status_code == 400
        assert answer.json()["error"]["metadata"]["param"] == next(iter(query))


async def test_the_count_is_that_of_the_list(serve):
    live = await serve(**KEYS)

    for modalities in ("text", "embeddings", "all"):
        counted = (await get(live, "/models/count", output_modalities=modalities)).json()["data"]["count"]
        assert counted == len(await rows(live, output_modalities=modalities)) > 0
    assert (await get(live, "/models/user")).json() == (await get(live, "/models")).json()


async def test_a_model_can_be_fetched_by_its_name_however_many_slashes_are_in_it(serve):
    live = await serve(FIREWORKS_API_KEY="k", OPENAI_API_KEY="k")
    name = "fireworks/accounts/fireworks/models/glm-5p3"

    for written in (name, quote(name, safe="")):
        assert (await get(live, f"/model/{written}")).json()["data"]["id"] == name
        served = (await get(live, f"/models/{written}/endpoints")).json()["data"]
        assert served["id"] == name
        assert [each["provider_name"] for each in served["endpoints"]] == ["fireworks"]
        assert served["endpoints"][0]["uptime_last_30m"] is None  # nobody measured it
    assert (await live.client.models.retrieve("openai/gpt-6.1-sol")).id == "openai/gpt-6.1-sol"


async def test_a_fusion_has_no_endpoint_and_an_alias_that_of_its_target(serve):
    own = {"models": {"quick": {"kind": "alias", "target": "openai/gpt-6.1-terra"}}}
    live = await serve(own, OPENAI_API_KEY="k")

    assert (await get(live, "/models/tritium/fusion/endpoints")).json()["data"]["endpoints"] == []
    (able,) = (await get(live, "/models/openai/gpt-6.1-sol/endpoints")).json()["data"]["endpoints"]
    assert able["supports_tool_choice"] == {"auto": True, "function": True, "none": True, "required": True}
    (endpoint,) = (await get(live, "/models/quick/endpoints")).json()["data"]["endpoints"]
    assert endpoint["provider_name"] == "openai"
    assert not any(endpoint["supports_tool_choice"].values())  # nobody says that it can
    target = (await get(live, "/model/quick")).json()["data"]["alias_target"]
    assert target == {"slug": "openai/gpt-6.1-terra", "name": "openai/gpt-6.1-terra"}


async def test_a_model_that_is_not_there_is_said_to_be_missing(serve):
    live = await serve()

    for path in ("/model/no/such", "/models/no/such/endpoints", "/models/no/such"):
        answer = await get(live, path)
        assert answer.status_code == 400  # OpenRouter's status for a wrong model ID
        assert "no/such is not in the catalogue" in answer.json()["error"]["message"]


async def test_providers_are_those_that_are_on(serve):
    slugs = {row["slug"] for row in (await get(await serve(**KEYS), "/providers")).json()["data"]}

    assert slugs == {"openai", "groq", "cohere", "xai", "cerebras"}


async def test_embedding_models_are_listed_with_what_reading_costs(serve):
    live = await serve(**KEYS)
    found = {row["id"]: row for row in (await get(live, "/embeddings/models")).json()["data"]}

    assert set(found) == {"openai/text-embedding-3-small", "openai/text-embedding-3-large", "cohere/embed-v4.0"}
    row = found["openai/text-embedding-3-small"]
    assert row["pricing"]["prompt"] == "0.00000002"
    assert row["supported_parameters"] == []
    assert row["architecture"]["output_modalities"] == ["embeddings"]


async def test_parameters_that_a_vendor_refuses_are_not_listed(serve):
    live = await serve({"providers": {"mistral": {"models": ["mistral-medium-2604"]}}}, MISTRAL_API_KEY="k")
    (row,) = [row for row in await rows(live) if row["id"] == "mistral/mistral-medium-2604"]

    assert "tools" in row["supported_parameters"]
    assert not {"logprobs", "top_logprobs", "logit_bias"} & set(row["supported_parameters"])


async def test_a_keys_own_list_is_what_it_may_ask(serve):
    live = await serve({"accounts": {"management_key_env": "MANAGE"}}, MANAGE="mgmt-0123456789abcdef", **KEYS)
    async with httpx2.AsyncClient(base_url=f"{live.url}/api/v1") as http:
        management = {"authorization": "Bearer mgmt-0123456789abcdef"}
        wish = {"name": "team", "allowed_models": ["openai/*"]}
        secret = (await http.post("/keys", json=wish, headers=management)).json()["key"]
        found = (await http.get("/models/user", headers={"authorization": f"Bearer {secret}"})).json()["data"]

    assert {row["id"].partition("/")[0] for row in found} == {"openai"}


async def test_everybody_who_serves_a_model_is_an_endpoint_with_its_own_figures(serve, upstream, wire):
    upstream.reply = wire.completion()
    own = {"base_url": upstream.url, "models": ["m"], "quantization": "fp8"}
    off = {"base_url": "http://127.0.0.1:9/v1", "models": ["m"]}
    live = await serve(
        {
            "providers": {"mine": own, "gone": off},
            "models": {"both": {"kind": "route", "endpoints": ["gone/m", "mine/m"]}},
            "prices": {"mine/m": {"input": 1, "output": 2}},
            "routing": {"retries": 0, "breaker_failures": 1},
        }
    )
    before = (await get(live, "/models/both/endpoints")).json()["data"]["endpoints"]
    await live.client.chat.completions.create(
        model="both", messages=[{"role": "user", "content": "Hi"}], extra_body={"provider": {"order": ["gone"]}}
    )

    gone, mine = (await get(live, "/models/both/endpoints")).json()["data"]["endpoints"]

    assert [each["uptime_last_30m"] for each in before] == [None, None]
    assert [each["status"] for each in before] == [0, 0]
    assert (gone["tag"], gone["status"], gone["uptime_last_5m"], gone["latency_last_30m"]) == ("gone", -1, 0, None)
    assert gone["pricing"] is None
    assert gone["cooldown_seconds"] > 0
    assert (mine["tag"], mine["status"], mine["uptime_last_30m"], mine["quantization"]) == ("mine", 0, 100, "fp8")
    assert mine["pricing"] == {"prompt": "0.000001", "completion": "0.000002"}
    assert set(mine["latency_last_30m"]) == set(mine["throughput_last_30m"]) == {"p50", "p75", "p90", "p99"}
    assert mine["uptime_last_1d"] is None


async def test_a_model_that_embeds_has_the_one_that_lists_it(serve):
    live = await serve(OPENAI_API_KEY="k", OPENROUTER_API_KEY="k")

    served = (await get(live, "/models/openai/text-embedding-3-small/endpoints")).json()["data"]["endpoints"]

    assert [each["tag"] for each in served] == ["openai"]


async def test_a_wrong_bound_is_refused_whatever_the_others_leave(serve):
    live = await serve(UNKNOWN)

    answer = await get(live, "/models", context=10**12, min_price=-1)

    assert answer.status_code == 400
    assert answer.json()["error"]["metadata"]["param"] == "min_price"
