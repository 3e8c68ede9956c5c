"""`tritium keys`: made, listed, shown, changed, deleted from the command line."""

from __future__ import annotations

import json

import pytest


def test_a_key_is_made_and_shown_once(tritium):
    made = tritium("keys", "create", "team a", "--limit", "2.5", "--reset", "daily", "--models", "openai/*, x/*")
    assert made.code == 0
    assert made.out.startswith("sk-tr-v1-")
    assert "not shown again" in made.err

    (listed,) = json.loads(tritium("keys", "list", "--json").out)
    assert (listed["name"], listed["limit"], listed["limit_reset"]) == ("team a", 2.5, "daily")
    assert listed["allowed_models"] == ["openai/*", "x/*"]
    assert made.out.strip() not in tritium("keys", "show", "team a").out


def test_a_list_of_keys_is_a_table(tritium):
    assert "No keys yet" in tritium("keys", "list").err
    tritium("keys", "create", "team a", "--limit", "2")

    lines = tritium("keys", "list").out.splitlines()

    assert lines[0].split() == ["name", "key", "state", "spent", "limit", "left", "renewed"]
    assert "active" in lines[1]
    assert lines[1].split()[-3:] == ["$0", "$2.00", "$2.00"]


def test_a_key_is_changed_disabled_and_deleted_by_name_or_hash(tritium):
    made = json.loads(tritium("keys", "create", "team", "--rpm", "5", "--json").out)
    assert made["key"].startswith("sk-tr-v1-")

    changed = json.loads(
        tritium(
            "keys", "update", "team", "--name", "crew", "--rpm", "9", "--expires", "2099-01-01T00:00:00Z", "--json"
        ).out
    )
    assert (changed["name"], changed["requests_per_minute"]) == ("crew", 9)
    assert changed["expires_at"] == "2099-01-01T00:00:00.000Z"
    assert json.loads(tritium("keys", "disable", made["hash"][:8], "--json").out)["disabled"]
    assert not json.loads(tritium("keys", "update", "crew", "--enable", "--json").out)["disabled"]
    assert tritium("keys", "delete", "crew").code == 0
    assert json.loads(tritium("keys", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "nobody"), "tritium keys list"),
        (("update", "team"), "what to change"),
        (("create", "x", "--expires", "tomorrow"), "UTC"),
        (("create", "x", "--reset", "yearly"), "yearly"),
        (("show", "twin"), "Several keys"),
    ],
)
def test_a_mistake_is_explained(tritium, arguments, says):
    for name in ("team", "twin", "twin"):
        tritium("keys", "create", name)

    result = tritium("keys", *arguments)

    assert result.code == 2
    assert says in result.err


def test_with_a_key_others_may_be_let_in(tritium):
    assert "tritium keys create" in tritium("serve", "--host", "192.0.2.7").err

    tritium("keys", "create", "team")

    assert "Can't listen on 192.0.2.7" in tritium("serve", "--host", "192.0.2.7").err
