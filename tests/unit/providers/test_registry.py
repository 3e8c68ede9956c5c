"""The rows: each is whole, a user's own are laid over them, and an environment variable moves a server."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tritium.config import Config, parse_config
from tritium.errors import ConfigError
from tritium.providers.registry import Vendor, vendors
from tritium.providers.transport import Target
from tritium.providers.wire import Quirks


def test_every_row_can_be_reached_and_is_switched_on_somehow():
    for name, row in vendors(Config(), {}).items():
        assert Target.parse(row.base_url).path.startswith("/")
        assert not row.base_url.endswith("/")
        assert row.keys or row.loopback, name
        assert row.loopback == (urlsplit(row.base_url).hostname == "127.0.0.1"), name
        assert row.loopback or urlsplit(row.base_url).scheme == "https", name
        assert not row.own


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
