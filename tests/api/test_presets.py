"""The configuration's presets over HTTP, as OpenRouter's clients read them."""

from __future__ import annotations

import httpx
import pytest

PRESETS = {
    "presets": {
        "brief": {
            "model": "scripted/say=Hi",
            "system_prompt": "Be brief.",
            "provider": {"only": ["scripted"]},
            "parameters": {"temperature": 0},
        },
        "open": {},
    }
}


async def get(live, path, **query):
    async with httpx.AsyncClient() as client:
        return await client.get(f"{live.url}/api/v1{path}", params=query)


async def test_presets_are_listed_by_the_page(serve):
    live = await serve(PRESETS)

    everything = (await get(live, "/presets")).json()
    second = (await get(live, "/presets", offset=1, limit=1)).json()

    assert [each["slug"] for each in everything["data"]] == ["brief", "open"]
    assert [each["slug"] for each in second["data"]] == ["open"]
    assert everything["total_count"] == second["total_count"] == 2
    assert (await get(live, "/presets", limit=101)).status_code == 400


async def test_a_preset_shows_what_a_request_gets_that_names_it(serve):
    live = await serve(PRESETS)

    found = (await get(live, "/presets/brief")).json()["data"]
    version = found["designated_version"]

    assert (version["system_prompt"], version["version"]) == ("Be brief.", 1)
    assert version["config"] == {"model": "scripted/say=Hi", "provider": {"only": ["scripted"]}, "temperature": 0}
    assert (await get(live, "/presets/brief/versions")).json() == {"data": [version], "total_count": 1}
    assert (await get(live, "/presets/brief/versions/1")).json()["data"] == version
    assert (await get(live, "/presets/open")).json()["data"]["designated_version"]["config"] == {}


@pytest.mark.parametrize("path", ["/presets/breif", "/presets/breif/versions", "/presets/brief/versions/2"])
async def test_what_is_not_there_is_said_to_be_missing(serve, path):
    reply = await get(await serve(PRESETS), path)

    assert reply.status_code == 404
    assert "'brief'" in reply.json()["error"]["message"]
