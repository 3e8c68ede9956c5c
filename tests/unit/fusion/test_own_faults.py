"""A fault that is nobody's but ours, in one call of a fusion, costs that call and not the run."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tritium.chat import ChatRequest, Completion, text_chunk
from tritium.errors import AllSeatsFailed, UpstreamError
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.fusion.synthesis import OPENING_CHARACTERS


class Faulty:
    """A source with a bug: before its answer opens, or after so many characters."""

    def __init__(self, after: int = -1) -> None:
        self.after = after

    @asynccontextmanager
    async def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        if self.after < 0:
            raise KeyError("a secret of ours")
        yield self._say()

    async def _say(self) -> Any:
        yield text_chunk("word " * (self.after // 5))
        raise KeyError("a secret of ours")


async def answered(models: Any, call: Any, **options: Any) -> str:
    streaming = options.pop("stream", False)
    request = ChatRequest.build("f", [{"role": "user", "content": "Tell me."}], stream=streaming)
    completion = Completion()
    async with asyncio.timeout(10), Fusion("f", FusionOptions(**options), models).answer(request, call) as chunks:
        async for chunk in chunks:
            completion.add(chunk)
    return completion.text


@pytest.mark.parametrize("after", [-1, 0, 50])
async def test_one_seats_fault_is_its_own(names, call, kept, caplog, after):
    models = names({"one": "words=5", "bad": {"source": Faulty(after)}, "two": "words=5"})

    text = await answered(models, call, panel=["one", "bad", "two"], strategy="consensus", quorum=3)

    seats = kept.document["seats"]
    assert text == "the panel compares what its"
    assert [seat["outcome"] for seat in seats] == ["ok", "failed", "ok"]
    assert seats[1]["status_code"] == 500
    assert seats[1]["error"].startswith("an internal fault; the log has it under gen-")
    assert "secret" not in seats[1]["error"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert sorted(row.outcome for row in kept.rows) == ["failed", "ok", "ok"]


async def test_faults_in_all_seats_are_a_panel_that_failed(names, call, kept):
    models = names({"bad": {"source": Faulty()}})

    with pytest.raises(AllSeatsFailed, match="an internal fault"):
        await answered(models, call, panel=["bad", "bad"], strategy="consensus")
    assert kept.document["outcome"] == "failed"


async def test_a_single_model_with_a_fault_yields_to_the_next(names, call, kept):
    models = names({"bad": {"source": Faulty(), "strength": 0.9}, "good": {"script": "words=5", "strength": 0.1}})

    assert await answered(models, call, panel=["bad", "good"], strategy="single") == "the panel compares what its"
    assert [seat["outcome"] for seat in kept.document["seats"]] == ["failed", "ok"]


async def test_a_judges_fault_is_the_next_judges_turn(names, call, kept):
    models = names(
        {"one": {"script": "judge=1", "strength": 0.9}, "two": "words=5", "bad": {"source": Faulty()}, "w": "words=9"}
    )

    await answered(models, call, panel=["one", "two"], judge="bad", synthesizer="w", strategy="synthesize", quorum=2)

    assert [(row.model, row.outcome) for row in kept.rows if row.role == "judge"] == [("bad", "failed"), ("one", "ok")]
    assert any(each.startswith("judge bad: an internal fault") for each in kept.document["warnings"])


async def test_a_writers_fault_leaves_the_panels_answer(names, call, kept):
    models = names({"one": "words=5", "two": "words=6", "judge": "judge=0", "bad": {"source": Faulty(50)}})

    text = await answered(
        models, call, panel=["one", "two"], judge="judge", synthesizer="bad", strategy="synthesize", quorum=2
    )

    assert text
    assert kept.document["decision"]["how"] == "central"


async def test_a_writers_fault_after_its_first_words_ends_the_stream_with_a_reason(names, call, kept):
    faulty = Faulty(2 * OPENING_CHARACTERS)
    models = names({"one": "words=40", "two": "words=41", "judge": "judge=0", "bad": {"source": faulty}})

    with pytest.raises(UpstreamError, match="broke off: an internal fault"):
        await answered(
            models,
            call,
            stream=True,
            panel=["one", "two"],
            judge="judge",
            synthesizer="bad",
            strategy="synthesize",
            quorum=2,
        )
    assert kept.document["outcome"] == "failed"
