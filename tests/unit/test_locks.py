"""The lock files pin what pyproject.toml asks for, by hash, and name no place to get it. `just lock` makes them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS: dict[str, list[Any]] = PROJECT["dependency-groups"]
RUNTIME = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["local"], *GROUPS["build"]]
EVERYTHING = [*RUNTIME, *(each for group in GROUPS.values() for each in group if isinstance(each, str))]

LOCKS = [("requirements.lock", RUNTIME), ("requirements-dev.lock", EVERYTHING)]


def pinned(name: str) -> dict[str, str]:
    """Versions by package; a package with one version per Python has its first here."""
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return dict(reversed(pins))


@pytest.mark.parametrize(("name", "asked"), LOCKS)
def test_what_is_asked_for_is_pinned(name: str, asked: list[str]) -> None:
    pins = pinned(name)
    requirements = [Requirement(each) for each in asked]
    wrong = [str(each) for each in requirements if pins.get(canonicalize_name(each.name), "") not in each.specifier]
    assert wrong == []


@pytest.mark.parametrize("name", [name for name, _ in LOCKS])
def test_every_pin_has_a_hash(name: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", [name for name, _ in LOCKS])
def test_no_place_is_named(name: str) -> None:
    assert not re.search(r"://|--index|--extra-index|--find-links|\B/\w+/", (ROOT / name).read_text("utf-8"))


def test_both_locks_agree() -> None:
    runtime, everything = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert {name: everything.get(name) for name in runtime} == runtime
