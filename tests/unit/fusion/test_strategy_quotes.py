"""What a strategy may cost is quoted with all the calls that it may make."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.ledger.prices import Prices

JSON = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


@pytest.fixture
def quoted(names):
    async def make(question: str, fields: Any = None, **options: Any) -> list[tuple[str, str, str]]:
        prices = {"cheap": "1", "cheaper": "0.5", "third": "2", "strong": "10"}
        models = {
            name: {"prices": Prices(Decimal(price), Decimal(price)), "strength": float(price) / 20}
            for name, price in prices.items()
        }
        fusion = Fusion("f", FusionOptions(panel=list(models), **options), names(models))
        quote = await fusion.quote(ChatRequest.build("f", [{"role": "user", "content": question}], **(fields or {})))
        assert quote.expected_cost_usd is not None
        return [(call.role, call.model, call.when) for call in quote.calls]

    return make


async def test_a_cascades_strong_model_is_quoted_as_one_that_may_be_asked(quoted):
    calls = await quoted("What is 17 times 3? Answer with a number.", strategy="cascade")

    assert calls[:4] == [
        ("seat", "cheaper", "always"),
        ("seat", "cheap", "always"),
        ("seat", "third", "if needed"),
        ("seat", "strong", "if needed"),
    ]


async def test_every_layer_is_quoted(quoted):
    calls = await quoted("Write about the sea, please.", strategy="synthesize", layers=3)

    assert [call[:2] for call in calls].count(("seat", "cheap")) == 3


async def test_json_is_quoted_with_its_repair_and_without_a_judge(quoted):
    calls = await quoted("Who wrote it?", {"response_format": JSON})

    assert ("repair", "strong", "if needed") in calls
    assert "judge" not in {call[0] for call in calls}
