"""What there is to say of one route: what it takes, what it answers, who may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]
"""A JSON Schema, 2020-12."""

Who = Literal["anybody", "caller", "owner", "manager"]
"""Who may ask: no key at all; a key, once there are keys; the management key, once there are keys; that key only."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """In the query or a header; what is in the path is read from the path itself."""

    name: str
    schema: Schema
    says: str = ""
    where: Literal["query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answer`, `body` and `event` name components of the document."""

    summary: str
    answer: str | None
    """None where it only streams."""
    tag: str
    who: Who = "caller"
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    event: str | None = None
    """What each `data:` line of a stream holds, where a request can ask for one."""
    errors: tuple[int, ...] = ()
    """Statuses of failures, besides those that everything can have."""
    asks_a_model: bool = False
    """A provider stands behind it: its refusals and failures are answers too."""
    unprefixed: bool = False
    """It is at its bare path too."""
