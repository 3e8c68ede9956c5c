"""How long a model's answers usually are is the median of those that went well."""

from __future__ import annotations

from tritium.chat import Usage
from tritium.ledger.generations import Generations
from tritium.ledger.lengths import Lengths


def test_it_is_the_median_of_what_was_answered(database, generation):
    said = [("a", 10, "ok"), ("a", 30, "ok"), ("a", 20, "ok"), ("a", 999, "failed"), ("b", 7, "ok"), ("c", 5, "ok")]
    rows = [
        generation(f"gen-{at}", model=model, usage=Usage(1, output), outcome=outcome)
        for at, (model, output, outcome) in enumerate(said)
    ]
    with database.writing() as connection:
        Generations.insert(connection, rows)

    assert Lengths(database).of({"a", "b", "nobody"}) == {"a": 20, "b": 7}
