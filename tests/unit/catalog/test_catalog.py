"""Names to models: what resolves, what is refused with which hint, and whom the automatic panel takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tritium.catalog.catalog import Catalog, Shelf
from tritium.chat import Usage
from tritium.errors import ConfigError, UnknownModel
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Profile
from tritium.ledger.prices import Prices
from tritium.providers.scripted import ScriptedSource
from tritium.providers.upstream import Upstream


def shelf(provider: str, *models: str, maker: str | None = None, **changes: Any) -> Shelf:
    """A provider whose models are ever weaker; each is of its own maker unless one is given."""

    def profile(name: str) -> Profile:
        model = name.partition("/")[2]
        place = models.index(model) if model in models else len(models)
        return Profile(name, maker or model, strength=1 - 0.1 * place)

    fields: dict[str, Any] = {
        "provider": provider,
        "source": ScriptedSource(),
        "models": models,
        "panel": models,
        "prices": lambda _: Prices(Decimal(1), Decimal(2)),
        "context_tokens": lambda _: 1000,
        "profile": profile,
        **changes,
    }
    return Shelf(**fields)


def catalog(*shelves: Shelf, fusions: Any = None, aliases: Any = None) -> Catalog:
    return Catalog(shelves, fusions or {}, aliases or {}, {"paid": "PAID_API_KEY"})


# ---------------------------------------------------------------- names


def test_a_name_is_a_provider_and_whatever_it_calls_its_model():
    names = catalog(shelf("acme", "m1"))

    (endpoint,) = names.endpoints("acme/maker/m2:free")

    assert names.resolve("acme/maker/m2:free").id == "acme/maker/m2:free"
    assert isinstance(endpoint.model, Upstream)
    assert (endpoint.model.id, endpoint.provider, endpoint.model.name) == (
        "acme/maker/m2:free",
        "acme",
        "maker/m2:free",
    )


def test_a_model_is_made_once():
    names = catalog(shelf("acme", "m1"))

    assert names.resolve("acme/m1") is names.resolve("acme/m1")


def test_a_caller_who_invents_names_does_not_fill_the_memory():
    names = catalog(shelf("acme", "m1"))

    for number in range(10_050):
        names.resolve(f"acme/invented-{number}")

    assert len(names._slugs._made) == 10_000
    assert names.resolve("acme/m1") is names.resolve("acme/m1")


def test_a_shelf_that_is_not_open_ended_serves_what_it_has():
    names = catalog(shelf("local", "tiny", open_ended=False))

    assert names.resolve("local/tiny").id == "local/tiny"
    with pytest.raises(UnknownModel, match="Did you mean 'local/tiny'"):
        names.resolve("local/tinny")


def test_an_alias_leads_to_its_target_however_far():
    names = catalog(shelf("acme", "m1"), aliases={"fast": "faster", "faster": "acme/m1"})

    assert names.resolve("fast") is names.resolve("acme/m1")
    assert names.profile("fast").model == "acme/m1"


@pytest.mark.parametrize(
    ("aliases", "path"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"x": "a", "a": "b", "b": "a"}, "x -> a -> b -> a"),
    ],
)
def test_an_alias_of_itself_is_refused_at_the_start(aliases, path):
    with pytest.raises(ConfigError, match=f"{path} goes round in a circle"):
        catalog(aliases=aliases)


@pytest.mark.parametrize(
    ("fusions", "path"),
    [
        ({"a": FusionOptions(panel=["acme/m1", "a"])}, "a -> a"),
        ({"a": FusionOptions(panel=["b"]), "b": FusionOptions(panel=["acme/m1", Seat("a")])}, "a -> b -> a"),
        ({"a": FusionOptions(judge="a")}, "a -> a"),
        ({"a": FusionOptions(synthesizer="b"), "b": FusionOptions(judge="nick")}, "a -> b -> a"),
    ],
)
def test_a_fusion_that_would_ask_itself_is_refused_at_the_start(fusions, path):
    with pytest.raises(ConfigError, match=f"{path} asks itself"):
        catalog(shelf("acme", "m1"), fusions=fusions, aliases={"nick": "a"})


def test_a_fusion_may_ask_another_twice():
    inner, outer = FusionOptions(panel=["acme/m1"]), FusionOptions(panel=["inner", "inner"], judge="inner")

    assert isinstance(catalog(shelf("acme"), fusions={"inner": inner, "outer": outer}).resolve("outer"), Fusion)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tritium/fussion", "Did you mean 'tritium/fusion'?"),
        ("m1", "Did you mean 'acme/m1'?"),
        ("paid/opus", "Set PAID_API_KEY to switch 'paid' on."),
        ("acme/", "Did you mean 'acme/m1'?"),
        ("", "is not a valid model ID. `tritium models`"),
        ("nobody/nothing", "is not a valid model ID. `tritium models`"),
        ("fasst", "Did you mean 'fast'?"),
    ],
)
def test_an_unknown_name_comes_with_a_hint(name, hint):
    names = catalog(shelf("acme", "m1"), fusions={"tritium/fusion": FusionOptions()}, aliases={"fast": "acme/m1"})

    with pytest.raises(UnknownModel) as caught:
        names.resolve(name)

    assert hint in caught.value.message
    assert (caught.value.param, caught.value.metadata) == ("model", {"requested_models": [name]})


def test_everything_with_a_name_is_listed_but_what_is_hidden():
    names = catalog(
        shelf("acme", "m1", "m2"),
        shelf("secret", "m3", listed=False),
        fusions={"tritium/fusion": FusionOptions()},
        aliases={"fast": "acme/m1"},
    )

    rows = [(row.id, row.kind, row.context_tokens) for row in names.listed()]

    assert rows == [
        ("tritium/fusion", "fusion", None),
        ("fast", "alias", None),
        ("acme/m1", "model", 1000),
        ("acme/m2", "model", 1000),
    ]


def test_the_cost_of_a_model_is_known_and_of_a_fusion_depends():
    names = catalog(shelf("acme", "m1"), fusions={"both": FusionOptions()}, aliases={"fast": "acme/m1"})

    assert names.cost_nanodollars("fast", Usage(1000, 100)) == 1000 * 1000 + 100 * 2000
    assert names.cost_nanodollars("both", Usage(1000, 100)) is None


# ---------------------------------------------------------------- the automatic panel


def test_models_of_different_makers_come_first():
    names = catalog(shelf("a", "a1", "a2", maker="A"), shelf("b", "b1", "b2", maker="B"), shelf("c", "c1", maker="C"))

    assert names.automatic_panel() == ["a/a1", "b/b1", "c/c1"]


def test_a_makers_second_model_fills_the_panel_up():
    names = catalog(shelf("a", "a1", "a2", "a3", maker="A"), shelf("b", "b1", maker="B"))

    assert names.automatic_panel() == ["a/a1", "b/b1", "a/a2"]


def test_one_maker_behind_two_providers_is_one_maker():
    names = catalog(shelf("a", "a1", "a2", maker="A"), shelf("router", "a1", maker="A"), shelf("b", "b1", maker="B"))

    assert names.automatic_panel() == ["a/a1", "b/b1", "router/a1"]


def test_among_equals_the_order_of_the_registry_decides():
    names = catalog(*(shelf(provider, "m", maker=provider) for provider in "abcde"))

    assert names.automatic_panel() == ["a/m", "b/m", "c/m"]


def test_the_stronger_is_taken_wherever_it_stands():
    weak, strong = (Profile(f"{name}/m", name, strength) for name, strength in (("weak", 0.1), ("strong", 0.9)))
    names = catalog(
        shelf("weak", "m", profile=lambda _: weak),
        *(shelf(provider, "m", maker=provider) for provider in "ab"),
        shelf("strong", "m", profile=lambda _: strong),
    )

    assert names.automatic_panel() == ["a/m", "b/m", "strong/m"]


def test_a_lower_tier_is_never_mixed_with_a_higher():
    vendor, server, embedded = shelf("v", "m"), shelf("s", "m1", "m2", tier=1), shelf("e", "m3", tier=2)

    assert catalog(embedded, server, vendor).automatic_panel() == ["v/m"]
    assert catalog(embedded, server).automatic_panel() == ["s/m1", "s/m2"]
    assert catalog(embedded).automatic_panel() == ["e/m3"]
    assert catalog(shelf("v", panel=()), embedded).automatic_panel() == ["e/m3"]
    assert catalog().automatic_panel() == []


def test_a_fusion_on_a_panel_has_a_middling_profile():
    names = catalog(fusions={"both": FusionOptions()})

    assert names.profile("both") == Profile("both", "both", strength=0.5)
    assert names.profile("nobody/nothing").strength == 0.5
