"""What accounts write comes back from either database as it was: keys, codes, and the sums over the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from tritium.accounts.codes import Codes, PromisedKey
from tritium.accounts.key import Key
from tritium.accounts.key_table import KeyTable
from tritium.chat import Usage
from tritium.errors import PermissionDenied
from tritium.ledger.generations import Generations
from tritium.ledger.sums import DAY_SECONDS, Activity, Sums
from tritium.model import Generation
from tritium.storage.database import Database

DAY = 20_000 * DAY_SECONDS
FULL = Key(
    hash="h1",
    name="team % : ?",
    label="sk-...a",
    created_at=1.5,
    disabled=True,
    limit_nanodollars=2**62,
    limit_reset="daily",
    allowed_models=("openai/*", "a/b"),
    allowed_providers=("openai",),
    requests_per_minute=10,
    tokens_per_minute=20,
    updated_at=2.5,
    expires_at=3.5,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    place = tmp_path / "tritium.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_database")
    with closing(Database.open(place)) as database:
        yield database


def test_a_key_comes_back_as_it_was_stored(database):
    table, bare = KeyTable(database), Key(hash="h2", name="n", label="l", created_at=1.0)
    assert (table.any(), table.all()) == (False, (0, []))
    table.add(FULL)
    table.add(bare)
    assert table.all() == (2, [bare, FULL]), "the oldest first, and a version that has moved"
    assert (table.get("h1"), table.get("h3")) == (FULL, None)
    assert table.any()


def test_a_key_is_changed_where_it_was_asked_for_and_nowhere_else(database):
    table = KeyTable(database)
    table.add(FULL)
    changes = {"disabled": False, "allowed_models": ("c/*",), "limit_nanodollars": None, "updated_at": 9.0}
    assert table.change("h1", changes)
    assert not table.change("h2", changes)
    assert table.get("h1") == replace(FULL, **changes)
    assert (table.remove("h1"), table.remove("h1")) == (True, False)
    assert table.version() == 5


def test_a_code_is_good_for_one_attempt(database):
    codes, promised = Codes(database), PromisedKey("app", 5, "monthly", 7.5)
    code = codes.issue(promised, None, None, 10**10)
    assert codes.redeem(code, None, None) == promised
    with pytest.raises(PermissionDenied):
        codes.redeem(code, None, None)


def test_sums_are_of_the_callers_the_moments_and_the_days_that_were_asked_for(database):
    with database.writing() as connection:
        Generations.insert(
            connection,
            [
                generation("g1", DAY + 1.0, "ann", "m/a", 10),
                generation("g2", DAY + 2.0, "ann", "m/a", None),
                generation("g3", DAY + 3.0, "bob", "m/b", 2**40),
                generation("g4", DAY - 1.0, "bob", "m/b", 5),
            ],
        )
    sums = Sums(database)
    assert sums.costs([0.0, float(DAY)]) == {"ann": [10, 10], "bob": [2**40 + 5, 2**40]}
    assert sums.costs([0.0], "bob") == {"bob": [2**40 + 5]}
    assert rows(sums.activity([DAY, DAY - DAY_SECONDS], "bob")) == [
        (DAY, "m/b", "p", 1, 2**40, 3),
        (DAY - DAY_SECONDS, "m/b", "p", 1, 5, 3),
    ]
    assert rows(sums.activity([DAY])) == [(DAY, "m/a", "p", 2, 10, 6), (DAY, "m/b", "p", 1, 2**40, 3)]
    assert sums.counted("bob", DAY) == 2**40
    assert sums.counted(None, 0.0, ["g1"]) == 2**40 + 15


def rows(found: list[Activity]) -> list[tuple[object, ...]]:
    return [
        (each.day, each.model, each.provider, each.requests, each.cost_nanodollars, each.reasoning_tokens)
        for each in found
    ]


def generation(generation_id: str, created_at: float, caller: str, model: str, cost: int | None) -> Generation:
    usage = Usage(input=1, output=2, reasoning=3)
    return Generation(
        generation_id, "r", model, "p", "solo", created_at, usage, cost, "ok", None, False, None, 1.0, None, caller
    )
