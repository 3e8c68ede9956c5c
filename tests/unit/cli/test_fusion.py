"""`tritium fusion explain` asks nobody and says who would be asked, why, and for how much."""

from __future__ import annotations

import json

PANEL = "scripted/words=5;price=1:10,scripted/words=6;price=unknown"


def test_it_shows_the_seats_what_they_cost_and_why(tritium):
    said = tritium("fusion", "explain", "Write about the sea", "--panel", PANEL, "--strategy", "consensus").out

    assert "scripted/words=5;price=1:10" in said
    assert "usually ?, at worst ?" in said
    assert "- consensus was asked for" in said


def test_as_json_it_is_the_quote(tritium):
    quote = json.loads(tritium("fusion", "explain", "Write about the sea", "--panel", PANEL, "--json").out)

    assert quote["object"] == "fusion.quote"
    assert [call["seat"] for call in quote["calls"] if call["role"] == "seat"] == [0, 1]
