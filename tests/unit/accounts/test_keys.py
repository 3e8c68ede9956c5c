"""Keys in memory and on disk: hashed, cached, seen by other processes."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime

import pytest

from tritium.accounts import keyring
from tritium.accounts.key import first_forbidden, matches, window
from tritium.accounts.secret import Pepper
from tritium.errors import AuthenticationFailed, PermissionDenied, StorageError


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("reset", "begins", "ends"),
    [
        ("daily", "2026-12-31", "2027-01-01"),
        ("weekly", "2026-12-28", "2027-01-04"),
        ("monthly", "2026-12-01", "2027-01-01"),
    ],
)
def test_limits_are_renewed_at_midnight_on_mondays_and_on_the_first(reset, begins, ends):
    assert window(reset, at("2026-12-31T23:59:59")) == (at(begins), at(ends))
    assert window(reset, at(ends))[0] == at(ends)


def test_patterns_fit_whole_names():
    assert matches("openai/gpt-5", ["anthropic/*", "openai/*"])
    assert not matches("x/openai/gpt", ["openai/*"])
    assert not matches("openai/gpt", [])
    assert first_forbidden(["a", "b"], "c", ["a"]) == "b"
    assert first_forbidden(["nick"], "openai/x", ["openai/*"]) is None
    assert first_forbidden(["anything"], "x", None) is None


def test_a_pepper_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "pepper"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(Pepper.at(path).digest("x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["pepper"]
    path.write_bytes(b"short")
    with pytest.raises(StorageError, match="damaged"):
        Pepper.at(path)


def test_a_gateway_without_keys_leaves_no_file(accounts, tmp_path):
    accounts()

    assert [each.name for each in tmp_path.iterdir() if not each.name.startswith("tritium.db")] == []


async def test_whoever_has_the_secret_is_known_by_its_hash(accounts):
    here = accounts()
    use, secret = await here.create("team")

    assert await here.identify(secret) == use.key.hash
    for wrong in (None, "", secret[:-1], secret.upper(), use.key.hash):
        with pytest.raises(AuthenticationFailed):
            await here.identify(wrong)


async def test_another_process_sees_changes_at_its_next_look(accounts, monkeypatch):
    here, there = accounts(), accounts()
    use, secret = await here.create("team")
    monkeypatch.setattr(keyring, "CHECK_SECONDS", 0)

    assert await there.identify(secret) == use.key.hash
    await here.change(use.key.hash, {"disabled": True})
    with pytest.raises(PermissionDenied, match="disabled"):
        await there.identify(secret)
    await here.remove(use.key.hash)
    assert await there.identify(secret) == "local"


async def test_between_looks_the_database_isnt_asked(accounts, database):
    here = accounts()
    use, secret = await here.create("team")
    database.close()
    asked = []
    database.reading = lambda: asked.append(1)

    for _ in range(100):
        assert await here.identify(secret) == use.key.hash
    del database.reading
    assert asked == []


async def test_an_expired_key_is_refused(accounts):
    here = accounts()
    _, secret = await here.create("team", expires_at=at("2020-01-01"))

    with pytest.raises(PermissionDenied, match="expired"):
        await here.identify(secret)
