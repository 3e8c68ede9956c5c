"""What the documents name is there: every link to a file, and every path in backticks, as the repository stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PLACES = (ROOT, ROOT / "src" / "tritium", ROOT / "tests")
"""What a path in backticks may be relative to."""

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!\w+:)([^)#]+)")
_MODEL = r"(?:tritium|openrouter|scripted|recorded|local|openai|anthropic)/"
_PATH = re.compile(rf"`(?!{_MODEL})([\w.-]+/[\w./-]*|[\w-]+\.(?:py|toml|md))`")
_MADE = {"tritium.toml", "models/"}
"""Not the repository's but the user's."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_in_backticks_exist(document: Path) -> None:
    named = set(_PATH.findall(_FENCED.sub("", document.read_text("utf-8")))) - _MADE
    assert sorted(path for path in named if not any((place / path).exists() for place in PLACES)) == []
