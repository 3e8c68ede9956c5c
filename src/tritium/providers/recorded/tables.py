"""Recorded tables on disk, as typed rows: JSON lines, or Parquet where pyarrow is there.

    FOLDER/items.jsonl           what was asked, one `Item` a line
    FOLDER/responses.jsonl       what was answered, one `Response` a line
    FOLDER/prices.csv            what the models charge (see `price_list`); may be missing

Any file whose name begins so is read: `responses-small.jsonl`, `items_2.parquet`. Columns that are not named here are
left alone, so that gold answers and labels can stand beside the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from tritium.chat import Message, ToolCall
from tritium.errors import ConfigError


class Item(Struct, frozen=True):
    """Something that was asked: a prompt, or messages of which the user's last counts; neither: found by id only."""

    id: str
    prompt: str | None = None
    messages: list[Message] = field(default_factory=list)

    @property
    def question(self) -> str | None:
        """What a request must ask to be answered; None if only the id says which item is meant."""
        if self.prompt is not None:
            return self.prompt
        return next((each.text() for each in reversed(self.messages) if each.role == "user"), None)


class Response(Struct, frozen=True):
    """What one model answered to one item. Several of one model are samples."""

    item: str
    """The item's id."""
    model: str
    text: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    """As in OpenAI's answers: `{"id", "type", "function": {"name", "arguments"}}`, arguments as JSON text."""
    finish_reason: str | None = None
    input_tokens: float | None = None
    """None, as all figures below, if it was not recorded."""
    output_tokens: float | None = None
    latency_ms: float | None = None
    """To the answer's end."""
    first_token_ms: float | None = None


T = TypeVar("T", Item, Response)

_JSON_COLUMNS = ("messages", "tool_calls")
"""May be text that holds JSON, as tables without nested columns have it."""


def read_table(folder: Path, stem: str, kind: type[T]) -> Iterator[T]:
    """The rows of every file of that name.

    Raises:
        ConfigError: there is none, one can't be read, or a row is not of that kind; it says which.
    """
    try:
        files = sorted(each for each in folder.iterdir() if each.name.startswith(stem) and each.suffix in _READERS)
    except OSError as error:
        raise ConfigError(f"recorded.path: {str(folder)!r} can't be read: {error.strerror}.") from None
    if not files:
        raise ConfigError(f"recorded.path: there is no {stem}.jsonl and no {stem}.parquet in {str(folder)!r}.")
    for file in files:
        yield from _READERS[file.suffix](file, kind)


def _json_lines(file: Path, kind: type[T]) -> Iterator[T]:
    decode = msgspec.json.Decoder(kind).decode
    number = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - for the message
                if not line.isspace():
                    yield decode(line)
    except OSError as error:
        raise ConfigError(f"{str(file)!r} can't be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad_row(file, f"line {number}", error, kind) from None


def _parquet(file: Path, kind: type[T]) -> Iterator[T]:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - a large package that only users of Parquet need
    except ImportError:
        raise ConfigError(
            f"Reading {file.name!r} takes pyarrow: `pip install pyarrow`, or write the table as JSON lines."
        ) from None
    number = 1
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            columns = [name for name in table.schema_arrow.names if name in kind.__struct_fields__]
            for batch in table.iter_batches(columns=columns):
                for row in batch.to_pylist():
                    yield msgspec.convert(_row(row), kind, strict=False)
                    number += 1
    except (OSError, pyarrow.ArrowException) as error:
        raise ConfigError(f"{str(file)!r} can't be read as Parquet: {error}.") from None
    except msgspec.MsgspecError as error:
        raise _bad_row(file, f"row {number}", error, kind) from None


_READERS = {".jsonl": _json_lines, ".parquet": _parquet}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty (a column is there for all rows, or for none), and JSON in text read."""
    given = {name: value for name, value in row.items() if value is not None and not _is_nan(value)}
    for name in _JSON_COLUMNS:
        if isinstance(given.get(name), str):
            given[name] = msgspec.json.decode(given[name])
    return given


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _bad_row(file: Path, where: str, error: Exception, kind: type[Struct]) -> ConfigError:
    fields = ", ".join(kind.__struct_fields__)
    return ConfigError(f"{str(file)!r}, {where}: {error}. A row has {fields}.")
