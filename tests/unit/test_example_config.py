"""`tritium.example.toml` is the reference of every setting: complete, true to the defaults, and usable as it stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct, convert
from msgspec.structs import fields

from tritium.catalog.build import build_catalog
from tritium.config import (
    Accounts,
    Config,
    Guardrails,
    Local,
    Preset,
    Price,
    Provider,
    Recorded,
    Routing,
    Runs,
    Server,
    Shadow,
    SharedState,
    load_config,
    parse_config,
)
from tritium.fusion.options import FusionOptions, Seat
from tritium.providers.http import HttpTransport
from tritium.providers.registry import vendors

EXAMPLE = Path(__file__).parents[2] / "tritium.example.toml"


@pytest.fixture
def everything() -> dict[str, Any]:
    """The example with every setting switched on: a `#` that no space follows is taken away."""
    return tomllib.loads(re.sub(r"^#(?=\S| {2}\S|\]$)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE))


def seats(data: dict[str, Any]) -> dict[str, Any]:
    return next(seat for seat in data["fusion"]["panel"] if isinstance(seat, dict))


def test_as_it_stands_it_changes_nothing() -> None:
    assert load_config(EXAMPLE) == Config()


async def test_with_every_setting_on_a_catalogue_is_made_of_it(everything: dict[str, Any]) -> None:
    config = parse_config(everything)
    environment = {"OFFICE_API_KEY": "k"}
    transport = HttpTransport()
    try:
        catalog = build_catalog(config, environment, vendors(config, environment), {}, transport)
    finally:
        await transport.close()
    assert catalog.resolve("office/llama").id == "office/llama"
    assert {"team/careful", "team/quick"} <= {row.id for row in catalog.listed()}


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        (Config, lambda data: data),
        (Server, lambda data: data["server"]),
        (SharedState, lambda data: data["shared"]),
        (Runs, lambda data: data["runs"]),
        (Shadow, lambda data: data["shadow"]),
        (Accounts, lambda data: data["accounts"]),
        (Guardrails, lambda data: data["guardrails"]),
        (Local, lambda data: data["local"]),
        (Recorded, lambda data: data["recorded"]),
        (FusionOptions, lambda data: data["fusion"]),
        (Seat, seats),
        (Provider, lambda data: data["providers"]["office"]),
        (Price, lambda data: data["prices"]["office/llama"]),
        (Routing, lambda data: data["routing"]),
        (Preset, lambda data: data["presets"]["brief"]),
    ],
)
def test_every_setting_is_in_it(kind: type[Struct], section: Any, everything: dict[str, Any]) -> None:
    assert set(section(everything)) == {field.encode_name for field in fields(kind)}


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        (Server, "server"),
        (Runs, "runs"),
        (Shadow, "shadow"),
        (Local, "local"),
        (Routing, "routing"),
        (FusionOptions, "fusion"),
    ],
)
def test_values_shown_are_the_defaults_where_there_are_any(
    kind: type[Struct], section: str, everything: dict[str, Any]
) -> None:
    shown = convert(everything[section], kind)
    differing = {
        field.name: (field.default, getattr(shown, field.name))
        for field in fields(kind)
        if field.default not in (None, NODEFAULT) and getattr(shown, field.name) != field.default
    }
    assert differing == {}
