"""Text looked through for what must not pass: blocked with the patterns named, or replaced by `[REDACTED:kind]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tritium.accounts.patterns import Kind, named
from tritium.config import Action
from tritium.errors import PermissionDenied

_TEXTS = frozenset(("content", "text", "arguments", "reasoning", "reasoning_content", "refusal", "summary"))
"""Keys of a message under which somebody's words are; addresses, data and signatures are left alone."""

_NO_WORDS = frozenset(("type", "image_url", "image_base64", "file", "input_audio"))


class Found(Struct, frozen=True):
    start: int
    end: int
    name: str
    action: Action


class Screen:
    """Kinds of text and what to do with each."""

    def __init__(self, actions: Mapping[str, Action], kinds: Mapping[str, Kind], where: str) -> None:
        """`where` names the setting in messages.

        Raises:
            ConfigError: a kind is unknown.
        """
        self._rules: Sequence[tuple[Kind, Action]] = [
            (named(kinds, name, where), action) for name, action in actions.items()
        ]
        self.longest = max((kind.longest for kind, _ in self._rules), default=0)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def find(self, text: str, start: int = 0) -> list[Found]:
        """What is in the text from there on, in order and without overlaps: who begins first wins, then who is named
        first.
        """
        every = [found for kind, action in self._rules for found in _matches(kind, action, text, start)]
        every.sort(key=lambda found: found.start)
        kept: list[Found] = []
        for found in every:
            if not kept or found.start >= kept[-1].end:
                kept.append(found)
        return kept

    def text(self, text: str) -> str:
        """The text with what must not pass replaced.

        Raises:
            PermissionDenied: it has something that is blocked; `metadata["patterns"]` names what.
        """
        found = self.find(text)
        refuse_blocked(found)
        return marked(text, found)

    def document(self, value: Any, key: str = "") -> Any:
        """JSON with the words in it screened; the same object where nothing was found.

        Raises:
            PermissionDenied: see `text`.
        """
        if isinstance(value, str):
            if key == "arguments":
                return self.arguments(value)
            return self.text(value) if key in _TEXTS else value
        if isinstance(value, list):
            items = [self.document(each, key) for each in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        if isinstance(value, dict):
            fields = {name: self.document(each, name) for name, each in value.items()}
            return fields if any(fields[name] is not value[name] for name in value) else value
        return value

    def arguments(self, text: str) -> str:
        """A tool call's arguments stay JSON: what is found in a number makes it a string.

        They are read before they are looked at: an escaped character hides nothing.

        Raises:
            PermissionDenied: see `text`.
        """
        try:
            read = msgspec.json.decode(text)
            screened = self._everywhere(read)
        except (msgspec.DecodeError, RecursionError):
            return self.text(text)
        return text if screened == read else msgspec.json.encode(screened).decode()

    def words(self, value: Any) -> Any:
        """JSON of which every string is somebody's words, but for addresses and data of images and files.

        Raises:
            PermissionDenied: see `text`.
        """
        if isinstance(value, str):
            return value if value.startswith("data:") else self.text(value)
        if isinstance(value, list):
            items = [self.words(each) for each in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        if isinstance(value, dict):
            fields = {name: each if name in _NO_WORDS else self.words(each) for name, each in value.items()}
            return fields if any(fields[name] is not value[name] for name in value) else value
        return value

    def marked(self, value: Any) -> Any:
        """JSON with everything in its words that would be redacted or blocked marked, for keeping; raises nothing."""
        if isinstance(value, str):
            return marked(value, self.find(value))
        if isinstance(value, list):
            return [self.marked(each) for each in value]
        if isinstance(value, dict):
            return {name: self.marked(each) for name, each in value.items()}
        return value

    def _everywhere(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(name): self._everywhere(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._everywhere(each) for each in value]
        if isinstance(value, bool) or value is None:
            return value
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        screened = self.text(text)
        return value if screened is text else screened


class StreamScreen:
    """One text that comes in pieces. As much as the longest match is held back, so that none slips through in two."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._text = ""
        self._at = 0
        """Where what has not been passed on begins; before it there is one character, for word boundaries."""

    def push(self, piece: str, *, last: bool = False) -> str:
        """What may be passed on by now.

        Raises:
            PermissionDenied: see `Screen.text`.
        """
        text, at = self._text + piece, self._at
        # A match that begins before here can be seen whole, and the character after it as well.
        sure = len(text) if last else len(text) - self._screen.longest - 1
        parts: list[str] = []
        for found in self._screen.find(text, at) if sure > at or last else ():
            if found.start >= sure:
                break
            refuse_blocked([found])
            parts += [text[at : found.start], mark(found.name)]
            at = found.end
        if sure > at:
            parts.append(text[at:sure])
            at = sure
        kept_from = max(at - 1, 0)
        self._text, self._at = text[kept_from:], at - kept_from
        return "".join(parts)


def mark(name: str) -> str:
    return f"[REDACTED:{name}]"


def marked(text: str, found: Sequence[Found]) -> str:
    """The text with marks in the place of what was found; the same object where nothing was."""
    if not found:
        return text
    parts, at = [], 0
    for each in found:
        parts += [text[at : each.start], mark(each.name)]
        at = each.end
    return "".join([*parts, text[at:]])


def refuse_blocked(found: Sequence[Found]) -> None:
    """Raise if something of it is to be blocked.

    Raises:
        PermissionDenied: so it is.
    """
    blocked = list(dict.fromkeys(each.name for each in found if each.action == "block"))
    if blocked:
        raise PermissionDenied(
            f"A guardrail blocks this: it contains {', '.join(blocked)}. Take that out, or have the guardrail changed.",
            metadata={"patterns": blocked},
        )


def _matches(kind: Kind, action: Action, text: str, start: int) -> list[Found]:
    found: list[Found] = []
    while (match := kind.pattern.search(text, start)) is not None:
        if kind.holds is None or kind.holds(match.group()):
            found.append(Found(match.start(), match.end(), kind.name, action))
            start = match.end()
        else:
            start = match.start() + 1
    return found
