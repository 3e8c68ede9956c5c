"""The catalogue out of what is at hand: who is switched on, what things cost, and which names are made."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tritium.catalog.build import build_catalog, embedded_shelf, own_prices, switched_on
from tritium.catalog.catalog import Catalog
from tritium.config import Price, parse_config
from tritium.errors import ConfigError, UnknownModel
from tritium.fusion.fusion import Fusion
from tritium.ledger.prices import FREE, Prices
from tritium.providers.http import HttpTransport
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel
from tritium.providers.registry import Vendor

PAID = Vendor(name="Paid", base_url="http://paid.invalid/v1", keys=("PAID_KEY",), panel=("big", "small"))
SERVER = Vendor(name="Server", base_url="http://127.0.0.1:1/v1", loopback=True)


def built(
    config: dict[str, Any] | None = None,
    rows: dict[str, Vendor] | None = None,
    found: dict[str, list[str]] | None = None,
    **environment: str,
) -> Catalog:
    return build_catalog(parse_config(config or {}), environment, rows or {}, found or {}, HttpTransport())


@pytest.mark.parametrize(
    ("row", "environment", "found", "on"),
    [
        (PAID, {}, {}, False),
        (PAID, {"PAID_KEY": "x"}, {}, True),
        (PAID, {"PAID_KEY": " \n"}, {}, False),
        (SERVER, {}, {}, False),
        (SERVER, {}, {"p": ["m"]}, True),
        (Vendor("S", "http://h/v1", loopback=True, keys=("K",)), {"K": "x"}, {}, False),  # it didn't answer
        (Vendor("Own", "http://h/v1", own=True), {}, {}, True),
        (Vendor("Own", "http://h/v1", own=True, keys=("K",)), {}, {}, False),
        (Vendor("Own", "http://h/v1", own=True, keys=("K",), free=True), {}, {}, True),
        (Vendor("Own", "http://h/v1", own=True, loopback=True), {}, {}, True),
    ],
)
def test_a_vendor_is_on_by_its_key_a_server_by_answering_an_own_one_by_being_configured(row, environment, found, on):
    assert switched_on("p", row, environment, found) is on


def test_a_provider_that_is_off_says_which_variable_would_switch_it_on():
    row = Vendor("Two", "http://h/v1", keys=("ONE_KEY", "OTHER_KEY"))

    with pytest.raises(UnknownModel, match="Set ONE_KEY or OTHER_KEY to switch 'two' on"):
        built(rows={"two": row}).resolve("two/m")


def test_what_a_server_says_it_serves_is_its_shelf():
    names = built(rows={"server": SERVER}, found={"server": ["llama3:8b", "qwen3"]})

    assert [row.id for row in names.listed() if row.provider == "server"] == ["server/llama3:8b", "server/qwen3"]
    assert names.automatic_panel() == ["server/llama3:8b", "server/qwen3"]


def test_the_family_is_the_maker_on_a_server_that_hosts_many():
    names = built(rows={"ollama": SERVER}, found={"ollama": ["llama3:8b", "llama3:70b", "qwen2.5:7b", "42"]})

    makers = [names.profile(f"ollama/{model}").maker for model in ("llama3:8b", "llama3:70b", "qwen2.5:7b", "42")]

    assert makers == ["meta", "meta", "alibaba", "ollama"]


def test_the_maker_in_a_models_name_is_the_maker():
    names = built(rows={"router": PAID}, PAID_KEY="x")

    assert names.profile("router/anthropic/claude").maker == "anthropic"
    assert names.profile("router/~openai/gpt-latest").maker == "openai"
    assert names.profile("router/big").maker == "router"


def test_the_first_on_a_panel_is_the_strongest_and_a_stranger_the_weakest():
    names = built(rows={"paid": PAID}, PAID_KEY="x")

    strengths = [names.profile(f"paid/{model}").strength for model in ("big", "small", "unheard-of")]

    assert strengths == sorted(strengths, reverse=True)
    assert len(set(strengths)) == 3


def price_of(names: Catalog, model: str) -> Prices | None:
    return names.endpoints(model)[0].model.prices  # type: ignore[attr-defined]


def test_a_price_is_the_users_own_else_free_on_this_machine_else_the_books_else_unknown():
    rows = {
        "paid": PAID,
        "server": SERVER,
        "own": Vendor("Own", "http://h/v1", own=True, free=True),
        "book": Vendor("Book", "http://h/v1", keys=("PAID_KEY",), prices="openai"),
    }
    own = {"prices": {"paid/big": {"input": 0.15, "output": 1}, "server/m": {"input": 1, "output": 1}}}
    names = built(own, rows, {"server": ["m", "n"]}, PAID_KEY="x")

    assert price_of(names, "paid/big") == Prices(Decimal("0.15"), Decimal(1))
    assert price_of(names, "server/m") == Prices(Decimal(1), Decimal(1))
    assert price_of(names, "server/n") == price_of(names, "own/m") == FREE
    assert price_of(names, "book/gpt-4o") == Prices(Decimal("2.5"), Decimal(10), Decimal("1.25"))
    assert price_of(names, "paid/small") is price_of(names, "book/unheard-of") is None


def test_own_prices_are_the_numbers_that_were_written():
    assert own_prices(Price(0.1, 0.2, 0.3, 0.4)) == Prices(*map(Decimal, ("0.1", "0.2", "0.3", "0.4")))


def test_the_fusions_have_their_names_and_openrouters():
    names = built()

    assert isinstance(names.resolve("tritium/fusion"), Fusion)
    assert names.resolve("openrouter/fusion") is names.resolve("tritium/fusion")
    assert names.resolve("tritium/fusion-self").options.strategy == "self"  # type: ignore[union-attr]
    assert names.resolve("tritium/fusion-economy").options.strategy == "cascade"  # type: ignore[union-attr]
    assert names.resolve("tritium/fusion-quality").options.strategy == "synthesize"  # type: ignore[union-attr]


def test_the_fast_fusion_is_the_users_own_in_a_hurry():
    panel = ["scripted/words=2", "scripted/words=3"]
    own = {"kind": "fusion", "panel": panel, "deadline_seconds": 10}
    flash = built({"models": {"tritium/fusion": own}}).resolve("openrouter/fusion-flash").options  # type: ignore[union-attr]

    assert (flash.panel, flash.deadline_seconds, flash.grace_seconds) == (panel, 10, 0.25)


def test_a_default_of_every_fusion_does_not_unmake_the_named_ones():
    names = built({"fusion": {"strategy": "vote"}})

    assert names.resolve("tritium/fusion-economy").options.strategy == "cascade"  # type: ignore[union-attr]
    assert names.resolve("tritium/fusion").options.strategy == "vote"  # type: ignore[union-attr]


def test_defaults_of_every_fusion_yield_to_a_fusions_own():
    config = {
        "fusion": {"grace_seconds": 5, "samples": 4},
        "models": {"mine": {"kind": "fusion", "grace_seconds": 1}, "tritium/fusion-self": {"kind": "fusion"}},
    }
    names = built(config)

    grace = {name: names.resolve(name).options.grace_seconds for name in ("mine", "tritium/fusion")}  # type: ignore[union-attr]
    assert grace == {"mine": 1, "tritium/fusion": 5}
    assert names.resolve("mine").options.samples == 4  # type: ignore[union-attr]
    assert names.resolve("tritium/fusion-self").options.strategy == "auto"  # type: ignore[union-attr]


def test_the_name_of_a_fusion_can_become_an_alias_and_that_of_an_alias_a_fusion():
    names = built(
        {
            "models": {
                "tritium/fusion": {"kind": "alias", "target": "scripted/words=1"},
                "openrouter/fusion-flash": {"kind": "fusion", "panel": ["scripted/words=2"]},
            }
        }
    )

    assert names.resolve("openrouter/fusion").id == "scripted/words=1"
    assert names.resolve("openrouter/fusion-flash").id == "openrouter/fusion-flash"


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"a": {}}, 'models."a".kind is None; it must be "fusion", "route" or "alias".'),
        ({"a": {"kind": "router"}}, "models.\"a\".kind is 'router'"),
        ({"a": {"kind": "alias"}}, 'models."a": an alias has one key, target = "some/model".'),
        ({"a": {"kind": "alias", "target": "tritium/fusion", "x": 1}}, "an alias has one key"),
        ({"a": {"kind": "alias", "target": 3}}, "an alias has one key"),
        ({"a": {"kind": "alias", "target": "tritium/fusoin"}}, "Did you mean 'tritium/fusion'"),
        (
            {"a": {"kind": "alias", "target": "padi/big"}},
            "'padi/big' is no model here. Providers are local, paid, recorded, scripted.",
        ),
        ({"a": {"kind": "fusion", "qourum": 2}}, "models.\"a\" has no key 'qourum'. Did you mean 'quorum'?"),
        ({"a": {"kind": "fusion", "panel": [{"model": "x", "count": 9}]}}, 'models."a".panel[0].count'),
        ({"a": {"kind": "fusion", "panel": ["a"]}}, "the fusion a -> a asks itself"),
    ],
)
def test_a_model_of_ones_own_that_cannot_be_is_refused_by_name(models, message):
    with pytest.raises(ConfigError) as caught:
        built({"models": models}, {"paid": PAID})

    assert message in caught.value.message


def test_an_alias_of_a_provider_without_its_key_waits_for_one():
    config = {"models": {"smart": {"kind": "alias", "target": "paid/big"}}}

    with pytest.raises(UnknownModel, match="Set PAID_KEY"):
        built(config, {"paid": PAID}).resolve("smart")
    assert built(config, {"paid": PAID}, PAID_KEY="x").resolve("smart").id == "paid/big"


def test_scripts_resolve_and_are_not_listed():
    names = built()

    assert names.resolve("scripted/words=3").id == "scripted/words=3"
    assert not [row for row in names.listed() if row.provider == "scripted"]
    assert names.automatic_panel() == []


def test_embedded_models_are_free_weak_and_strongest_first():
    models = [
        InstalledModel(id=name, name=name, maker=f"maker-of-{name}", path=Path("m.gguf"), size_bytes=1, quality=quality)
        for name, quality in (("small", 0.2), ("large", 0.9), ("unmeasured", None))
    ]
    shelf = embedded_shelf(models, LlamaRuntime())

    assert shelf.panel == ["large", "unmeasured", "small"]
    assert (shelf.tier, shelf.open_ended, shelf.prices("small")) == (2, False, FREE)
    assert shelf.profile("local/large").maker == "maker-of-large"
    assert all(shelf.profile(f"local/{model.id}").weak for model in models)
    assert shelf.profile("local/not-installed").weak
