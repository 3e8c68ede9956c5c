"""Recorded tables as people write them: JSON lines, Parquet, a CSV of prices; and what is wrong with one, and where."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tritium.chat import FunctionCall, Message, ToolCall
from tritium.errors import ConfigError
from tritium.ledger.prices import Prices
from tritium.providers.recorded.price_list import ListedModel, read_price_list
from tritium.providers.recorded.tables import Item, Response, read_table

CALL = {"id": "c1", "type": "function", "function": {"name": "area", "arguments": '{"base": 10}'}}


def lines(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_rows_are_read_and_columns_that_nobody_knows_left_alone(tmp_path):
    (tmp_path / "items.jsonl").write_text('{"id": "1", "prompt": "Why?", "gold": 42}\n\n')
    lines(tmp_path / "items-2.jsonl", {"id": "2", "messages": [{"role": "user", "content": "How?"}]})
    lines(
        tmp_path / "responses.jsonl",
        {"item": "1", "model": "m", "text": "So.", "output_tokens": 2, "tool_calls": [CALL]},
    )

    assert sorted(item.question for item in read_table(tmp_path, "items", Item)) == ["How?", "Why?"]
    call = ToolCall(None, "c1", "function", FunctionCall("area", '{"base": 10}'))
    assert list(read_table(tmp_path, "responses", Response)) == [
        Response("1", "m", "So.", tool_calls=[call], output_tokens=2)
    ]


def test_parquet_reads_as_json_lines_do(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table

    messages = [{"role": "user", "content": "How?"}]
    items = {"id": ["1", "2"], "prompt": ["Why?", None], "messages": [None, json.dumps(messages)], "gold": [1, 2]}
    responses = {"item": ["1", "2"], "model": ["m", "m"], "text": ["So.", None], "latency_ms": [float("nan"), 12.5]}
    nested = {"tool_calls": [None, [CALL]]}
    parquet.write_table(table(items), tmp_path / "items.parquet")
    parquet.write_table(table(responses | nested), tmp_path / "responses.parquet")

    assert list(read_table(tmp_path, "items", Item)) == [
        Item("1", "Why?"),
        Item("2", messages=[Message("user", "How?")]),
    ]
    call = ToolCall(None, "c1", "function", FunctionCall("area", '{"base": 10}'))
    assert list(read_table(tmp_path, "responses", Response)) == [
        Response("1", "m", "So."),
        Response("2", "m", tool_calls=[call], latency_ms=12.5),
    ]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "items.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    with pytest.raises(ConfigError, match=r"'items.parquet' takes pyarrow: `pip install pyarrow`"):
        list(read_table(tmp_path, "items", Item))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"id": "1"}\n{"id": 2}', r"items.jsonl', line 2: Expected `str`, got `int` - at `\$.id`"),
        ('{"prompt": "x"}', "line 1: Object missing required field `id`. A row has id, prompt, messages."),
        ("{", "line 1: Input data was truncated"),
    ],
)
def test_a_row_that_is_none_is_named_by_its_line(tmp_path, text, says):
    (tmp_path / "items.jsonl").write_text(text)

    with pytest.raises(ConfigError, match=says):
        list(read_table(tmp_path, "items", Item))


def test_a_broken_parquet_file_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "items.parquet").write_bytes(b"no parquet at all")

    with pytest.raises(ConfigError, match=r"items.parquet' can't be read as Parquet"):
        list(read_table(tmp_path, "items", Item))


def test_a_folder_without_tables_says_what_is_missing(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no items.jsonl and no items.parquet in"):
        list(read_table(tmp_path, "items", Item))
    with pytest.raises(ConfigError, match=r"nowhere' can't be read: No such file or directory"):
        list(read_table(tmp_path / "nowhere", "items", Item))


def test_the_price_list_is_exact_and_what_is_empty_is_unknown(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text(
        "model,usd_per_m_input,usd_per_m_output,maker,strength,basis\na,0.15,0.6,openai,0.82,list\nb,,1,,,\nc,0,0\n"
    )

    assert read_price_list(file) == {
        "a": ListedModel(Prices(Decimal("0.15"), Decimal("0.6")), "openai", 0.82),
        "b": ListedModel(),
        "c": ListedModel(Prices(Decimal(0), Decimal(0))),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model,usd_per_m_input\na,1\n", "has no column 'usd_per_m_output'"),
        ("", "has no column 'model'"),
        ("model,usd_per_m_input,usd_per_m_output\na,1,2\nb,cheap,2\n", "line 3: usd_per_m_input is 'cheap'"),
        ("model,usd_per_m_input,usd_per_m_output\na,-1,2\n", "line 2: usd_per_m_input is '-1'"),
        ("model,usd_per_m_input,usd_per_m_output,strength\na,1,2,82\n", "strength is '82'; write a number from 0 to 1"),
    ],
)
def test_a_price_list_that_is_none_says_where(tmp_path, text, says):
    file = tmp_path / "prices.csv"
    file.write_text(text)

    with pytest.raises(ConfigError, match=says):
        read_price_list(file)
