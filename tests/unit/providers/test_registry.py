"""The rows: each is whole, a user's own are laid over them, and an environment variable moves a server."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from genai_prices import data_snapshot

from tritium.catalog.price_book import look_up
from tritium.config import Config, parse_config
from tritium.errors import ConfigError
from tritium.providers.registry import Vendor, vendors
from tritium.providers.transport import Target
from tritium.providers.wire import Quirks

ACCOUNTS = {
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
    "AWS_REGION": "eu-central-1",
    "CLOUDFLARE_ACCOUNT_ID": "0123abcd",
    "GOOGLE_CLOUD_LOCATION": "europe-west4",
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "DATABRICKS_HOST": "mine.cloud.databricks.com",
    "INFOMANIAK_PRODUCT_ID": "12",
    "SNOWFLAKE_ACCOUNT": "org-account",
}
"""What the addresses of rows want from the environment."""

ROWS = vendors(Config(), ACCOUNTS)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_can_be_reached_and_is_switched_on_somehow(name):
    row = ROWS[name]

    assert row.needs == ()
    assert Target.parse(row.base_url).path.startswith("/")
    assert not row.base_url.endswith("/")
    assert row.keys or row.loopback
    assert row.loopback == (urlsplit(row.base_url).hostname == "127.0.0.1")
    assert row.loopback or urlsplit(row.base_url).scheme == "https"
    for url in filter(None, (row.embeddings_url, row.rerank_url)):
        assert Target.parse(url).scheme == "https"
    assert not row.own
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", key) for key in row.keys)


def test_no_two_rows_share_a_name_an_address_or_a_key():
    rows = [row for row in ROWS.values() if not row.loopback]
    names, addresses = [row.name for row in rows], [row.base_url for row in rows]
    keys = [key for row in ROWS.values() for key in row.keys]

    for each in (names, addresses, keys):
        assert sorted(each) == sorted(set(each))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.prices])
def test_what_a_row_is_priced_by_is_in_the_price_catalogue_and_so_is_its_panel(name):
    row = ROWS[name]

    assert row.prices in {each.id for each in data_snapshot.get_snapshot().providers}
    for model in row.panel:
        assert look_up(row.prices, model).prices is not None, model
    for model in row.embeddings:
        assert look_up(row.prices, model).embedding is not None, model


def test_nobody_is_on_a_panel_whose_price_is_unknown():
    assert [name for name, row in ROWS.items() if row.panel and not row.prices] == []


@pytest.mark.parametrize(
    ("name", "base_url"),
    [
        ("azure", "https://mine.openai.azure.com/openai/v1"),
        ("bedrock", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("cloudflare", "https://api.cloudflare.com/client/v4/accounts/0123abcd/ai/v1"),
        ("databricks", "https://mine.cloud.databricks.com/serving-endpoints"),
    ],
)
def test_an_account_in_an_address_comes_from_the_environment(name, base_url):
    assert ROWS[name].base_url == base_url
    assert vendors(Config(), {})[name].needs


def test_an_address_in_a_variable_may_have_its_end_already():
    rows = vendors(Config(), {"AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/openai/v1/"})

    assert rows["azure"].base_url == "https://mine.openai.azure.com/openai/v1"


def test_an_account_that_makes_no_address_is_refused_by_its_variable():
    with pytest.raises(ConfigError, match="CLOUDFLARE_ACCOUNT_ID makes no address for Cloudflare Workers AI"):
        vendors(Config(), {"CLOUDFLARE_ACCOUNT_ID": "two words"})


def test_a_row_without_its_account_can_be_given_an_address_or_other_settings():
    own = {"providers": {"azure": {"base_url": "https://proxy/v1"}, "databricks": {"first_byte_seconds": 5}}}

    rows = vendors(parse_config(own), {})

    assert rows["azure"].base_url == "https://proxy/v1"
    assert rows["databricks"].needs == ("DATABRICKS_HOST",)


def test_a_key_is_the_first_variable_that_has_a_value_without_the_line_break_of_its_file():
    row = Vendor("V", "http://h", keys=("A_KEY", "B_KEY"))

    assert row.key({"A_KEY": " ", "B_KEY": "b\n"}) == "b"
    assert row.key({"A_KEY": "a", "B_KEY": "b"}) == "a"
    assert row.key({"A_KEY": ""}) is None
    assert row.key({}) is None


def test_a_provider_of_ones_own_is_a_row_with_defaults():
    rows = vendors(
        parse_config({"providers": {"mine": {"base_url": "https://h/v1/", "key_env": "MY_KEY", "models": ["m"]}}}), {}
    )

    row = rows["mine"]
    assert (row.base_url, row.keys, row.models, row.own) == ("https://h/v1", ("MY_KEY",), ("m",), True)
    assert (row.format, row.quirks, row.prices, row.free, row.loopback) == ("openai", Quirks(), None, False, False)


def test_what_a_user_says_of_a_known_provider_is_laid_over_its_row():
    plain = vendors(Config(), {})["openai"]
    own = {"key_env": "WORK_KEY", "headers": {"OpenAI-Organization": "org"}, "first_byte_seconds": 5}

    row = vendors(parse_config({"providers": {"openai": own}}), {})["openai"]

    assert (row.keys, row.headers, row.first_byte_seconds) == (("WORK_KEY",), {"OpenAI-Organization": "org"}, 5)
    assert (row.base_url, row.quirks, row.prices, row.panel) == (
        plain.base_url,
        plain.quirks,
        plain.prices,
        plain.panel,
    )


def test_a_known_provider_can_be_moved_and_change_its_dialect():
    own = {"providers": {"anthropic": {"base_url": "http://proxy:8080/v1", "format": "openai"}}}

    row = vendors(parse_config(own), {})["anthropic"]

    assert (row.base_url, row.format, row.keys) == ("http://proxy:8080/v1", "openai", ("ANTHROPIC_API_KEY",))


def test_a_provider_can_be_left_out():
    rows = vendors(parse_config({"providers": {"openai": {"enabled": False}, "nobody": {"enabled": False}}}), {})

    assert "openai" not in rows
    assert "anthropic" in rows


def test_a_provider_of_ones_own_needs_an_address():
    with pytest.raises(ConfigError, match=r"providers\.mine needs a base_url: it is not in the registry"):
        vendors(parse_config({"providers": {"mine": {"key_env": "K"}}}), {})


@pytest.mark.parametrize(
    "address", ["ftp://h/v1", "h/v1", "http://", "http://[h", "http://h:99999", "http://h/ v1", "file:///x"]
)
def test_what_is_no_address_is_refused_by_name(address):
    with pytest.raises(ConfigError, match=r"providers\.mine\.base_url is no http\(s\) address"):
        vendors(parse_config({"providers": {"mine": {"base_url": address}}}), {})


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="send them as a header") as caught:
        vendors(parse_config({"providers": {"mine": {"base_url": "http://me:secret@h/v1"}}}), {})

    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:9999", "http://127.0.0.1:9999/v1"),
        (":9999", "http://127.0.0.1:9999/v1"),
        ("box", "http://box:11434/v1"),
        (" box:9999 \n", "http://box:9999/v1"),
        ("http://box:9999/", "http://box:9999/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box", "https://box:443/v1"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434/v1"),
        ("[::1]:9999", "http://[::1]:9999/v1"),
        ("[::1]", "http://[::1]:11434/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[::]:9999", "http://127.0.0.1:9999/v1"),
        ("", "http://127.0.0.1:11434/v1"),
        ("  ", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollamas_variable_is_read_as_ollama_reads_it(given, base_url):
    rows = vendors(Config(), {"OLLAMA_HOST": given})

    assert rows["ollama"].base_url == base_url
    assert Target.parse(base_url)
    assert rows["vllm"].base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("given", ["localhost:abc", "http://[bad", "unix://x", "a b"])
def test_a_variable_that_is_no_address_is_refused_by_its_name(given):
    with pytest.raises(ConfigError, match="OLLAMA_HOST is no address of a server"):
        vendors(Config(), {"OLLAMA_HOST": given})
