"""The configuration file: where it is looked for, what it refuses, and that a secret is never in it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tritium.config import Config, default_data_path, find_config, load_config, parse_config, price_decimal
from tritium.errors import ConfigError


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sever": {}}, "config has no key 'sever'. Did you mean 'server'"),
        ({"port": 1}, "config has no key 'port'. It is a key of 'server'."),
        ({"server": {"prot": 1}}, "config.server has no key 'prot'. Did you mean 'port'?"),
        ({"server": {"port": 65536}}, "config.server.port: expected `int` <= 65535."),
        ({"server": {"port": -1}}, "config.server.port: expected `int` >= 0."),
        ({"server": {"port": "8484"}}, "config.server.port: expected `int`, got `str`."),
        ({"server": {"max_body_bytes": 10}}, "config.server.max_body_bytes: expected `int` >= 1024."),
        ({"server": {"keepalive_seconds": 0}}, "config.server.keepalive_seconds: expected `float` > 0.0."),
        ({"server": {"keepalive_seconds": float("nan")}}, "config.server.keepalive_seconds: expected `float` > 0.0."),
        ({"local": {"threads": 0}}, "config.local.threads: expected `int` >= 1."),
        ({"local": {"context_tokens": 100}}, "config.local.context_tokens: expected `int` >= 512."),
        ({"local": {"max_concurrency": 0}}, "config.local.max_concurrency: expected `int` >= 1."),
        ({"providers": {"me": {"format": "soap"}}}, "config.providers.me.format: invalid enum value 'soap'."),
        (
            {"providers": {"me": {"api_key": "x"}}},
            "config.providers.me holds a key. Put it into an environment",
        ),
        ({"providers": {"me": {"connect_seconds": 0}}}, "config.providers.me.connect_seconds: expected `float` > 0.0."),
        ({"providers": {"me": {"headers": {"a": 1}}}}, "config.providers.me.headers: expected `str`, got `int`."),
        ({"providers": ["me"]}, "config.providers: expected `object`, got `array`."),
        ({"prices": {"a/b": {"input": 1}}}, "config.prices.a/b needs the key 'output'."),
        ({"prices": {"a/b": {"input": -1, "output": 1}}}, "config.prices.a/b.input: expected `float` >= 0.0."),
        ({"models": {"a": "fusion"}}, "config.models: expected `object`, got `str`."),
        ({"data_dir": 3}, "config.data_dir: expected `str | null`, got `int`."),
    ],
)
def test_a_wrong_setting_is_refused_by_name(data, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(data)

    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("key", ["sk-proj-abc123", "", "a key", "Bearer x"])
def test_a_key_in_the_place_of_its_variables_name_is_refused_and_not_repeated(key):
    with pytest.raises(ConfigError, match="must be the \\*name\\* of an environment variable") as caught:
        parse_config({"providers": {"me": {"base_url": "http://h/v1", "key_env": key}}}, where="tritium.toml")

    assert "tritium.toml.providers.me.key_env" in caught.value.message
    assert key not in caught.value.message or not key


def test_without_a_file_everything_has_a_default():
    config = load_config(None)

    assert (config.server.host, config.server.port) == ("127.0.0.1", 8484)
    assert config == Config() == parse_config({})


def test_a_file_is_read_and_named_in_what_is_wrong_with_it(tmp_path):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[server]\nport = 1\n[prices]\n"a/b" = { input = 0.15, output = 1 }')
    bad.write_text("[server]\nprot = 1")

    assert load_config(good).server.port == 1
    with pytest.raises(ConfigError, match="Did you mean 'port'") as caught:
        load_config(bad)
    assert str(bad) in caught.value.message


@pytest.mark.parametrize("content", [b"server = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "tritium.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="is not valid TOML") as caught:
        load_config(path)

    assert str(path) in caught.value.message


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Can't read .*directory"):
        load_config(tmp_path)


def test_a_file_is_looked_for_where_it_was_named_then_where_the_environment_says_then_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given, named = tmp_path / "given.toml", tmp_path / "named.toml"
    environment = {"TRITIUM_CONFIG": str(named)}

    assert find_config(None, {}) is None
    for path in (given, named, tmp_path / "tritium.toml"):
        path.touch()
    assert find_config(given, environment) == given
    assert find_config(None, environment) == named
    assert find_config(None, {"TRITIUM_CONFIG": ""}) == Path("tritium.toml")


@pytest.mark.parametrize("given", [True, False])
def test_a_file_that_was_named_and_is_missing_is_not_passed_over(tmp_path, given):
    missing = tmp_path / "missing.toml"

    with pytest.raises(ConfigError, match="doesn't exist"):
        find_config(missing if given else None, {} if given else {"TRITIUM_CONFIG": str(missing)})


def test_the_data_is_where_the_configuration_says_else_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = parse_config({"data_dir": "~/tritium"})

    assert config.data_path == tmp_path / "tritium"
    assert config.database_location({}) == tmp_path / "tritium" / "tritium.db"
    assert config.models_path == tmp_path / "tritium" / "models"
    assert parse_config({"data_dir": "x", "database": "~/y.db"}).database_location({}) == tmp_path / "y.db"
    assert default_data_path({"TRITIUM_DATA_DIR": "~/z"}) == tmp_path / "z"
    assert default_data_path({}).name == "tritium"


def test_the_address_of_a_database_may_come_from_the_environment_alone():
    config = parse_config({"database": "tritium.db", "database_env": "MY_DATABASE"})

    assert config.database_location({"MY_DATABASE": "postgresql://me:secret@h/n"}) == "postgresql://me:secret@h/n"
    for environment in ({}, {"MY_DATABASE": ""}):
        with pytest.raises(ConfigError, match="The environment variable MY_DATABASE is not set"):
            config.database_location(environment)


def test_an_address_in_the_file_is_taken_if_it_holds_no_password():
    assert parse_config({"database": "postgresql://me@h/n"}).database_location({}) == "postgresql://me@h/n"
    with pytest.raises(ConfigError, match="database holds a password") as caught:
        parse_config({"database": "postgresql://me:secret@h/n"})

    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "address", ["postgres://me:hunter2@db", "postgresql://me@db/x?password=hunter2&sslmode=require"]
)
def test_a_databases_password_is_refused_wherever_it_stands_and_not_repeated(address):
    with pytest.raises(ConfigError, match="database_env = ") as caught:
        parse_config({"database": address})
    assert "hunter2" not in str(caught.value)


def test_the_name_of_a_variable_is_not_an_address():
    with pytest.raises(ConfigError, match=r"database_env must be the \*name\*") as caught:
        parse_config({"database_env": "postgresql://me:hunter2@db/x"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("value", "price"), [(0.15, "0.15"), (0.1 + 0.2, "0.30000000000000004"), (3.0, "3"), (0, "0")])
def test_a_price_is_the_number_that_was_written(value, price):
    assert price_decimal(value) == Decimal(price)
