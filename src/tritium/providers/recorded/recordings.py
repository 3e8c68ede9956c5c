"""Recorded answers by what was asked and of whom: an item is found by the last user message, or by its id.

The message must be the item's own, word for word; only case, spacing and forms of characters do not count. A request
that has an id in its `metadata` (`{"item": ID}`) means that item and no other that asks the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from tritium.chat import ChatRequest
from tritium.errors import ConfigError, UpstreamError, suggestion
from tritium.providers.recorded import PROVIDER
from tritium.providers.recorded.tables import Item, Response, read_table
from tritium.providers.wire import error_for_status

_SHOWN = 3


class _Metadata(Struct):
    item: str | None = None


class Recordings:
    """A set of items with their answers, in memory."""

    def __init__(self, items: Iterable[Item], responses: Iterable[Response]) -> None:
        """Make the look-up.

        Raises:
            ConfigError: two items have one id, or an answer is to an item that isn't there.
        """
        self._items: dict[str, Item] = {}
        self._asking: dict[bytes, list[Item]] = {}
        for item in items:
            if item.id in self._items:
                raise ConfigError(f"recorded.path: two items have the id {item.id!r}.")
            self._items[item.id] = item
            if item.question is not None:
                self._asking.setdefault(_key(item.question), []).append(item)
        self._samples: dict[tuple[str, str], list[Response]] = {}
        for response in responses:
            if response.item not in self._items:
                raise ConfigError(
                    f"recorded.path: {response.model!r} answers the item {response.item!r}, which is not there."
                )
            self._samples.setdefault((response.item, response.model), []).append(response)
        self.models = sorted({model for _, model in self._samples})

    @classmethod
    def read(cls, folder: Path) -> Recordings:
        """Those of a folder (see `tables`).

        Raises:
            ConfigError: a table is missing or can't be read, or see above.
        """
        return cls(read_table(folder, "items", Item), read_table(folder, "responses", Response))

    def __len__(self) -> int:
        return len(self._items)

    def find(self, request: ChatRequest, model: str) -> Response:
        """What `model` answered; of several samples the one that the request's `seed` says, else the first.

        Raises:
            UpstreamRejected: nothing of the kind is recorded (404), or the request fits several items (400).
        """
        item = self._item(request)
        samples = self._samples.get((item.id, model))
        if samples is None:
            raise _refusal(404, f"no answer of {model!r} to the item {item.id!r} is recorded.")
        return samples[(request.body.seed or 0) % len(samples)]

    def _item(self, request: ChatRequest) -> Item:
        question = request.question()
        named = _named(request)
        if named is not None:
            return self._of_id(named, question)
        found = self._asking.get(_key(question), [])
        exact = [item for item in found if item.question == question] if len(found) > 1 else found
        if len(exact) == 1:
            return exact[0]
        if found:
            ids = ", ".join(repr(item.id) for item in found[:_SHOWN])
            raise _refusal(400, f'{len(found)} items ask this ({ids}). Say which: "metadata": {{"item": ID}}.')
        raise _refusal(
            404,
            f"none of the {len(self)} recorded items asks this. The last user message must be an item's prompt, or "
            '"metadata": {"item": ID} name one.',
        )

    def _of_id(self, named: str, question: str) -> Item:
        item = self._items.get(named)
        if item is None:
            raise _refusal(404, f"there is no item {named!r}.{suggestion(named, self._items)}")
        if item.question is not None and _key(item.question) != _key(question):
            # A judge or a writer that got the request's metadata asks something of its own.
            raise _refusal(404, f"the item {named!r} asks something else than the last user message.")
        return item


def _named(request: ChatRequest) -> str | None:
    given = request.fields.get("metadata")
    if given is None:
        return None
    try:
        metadata = msgspec.json.decode(given, type=_Metadata | None)
    except msgspec.ValidationError:  # somebody else's metadata, of another shape
        return None
    return metadata.item if metadata is not None else None


def _key(question: str) -> bytes:
    words = " ".join(unicodedata.normalize("NFKC", question).casefold().split())
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _refusal(status: int, message: str) -> UpstreamError:
    return error_for_status(PROVIDER, status, message)
