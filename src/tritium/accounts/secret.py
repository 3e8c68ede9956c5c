"""A key's secret: 256 random bits, shown once, kept only as an HMAC under a pepper that never enters the database.

Whoever steals the database alone can neither use a key nor try guesses against it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from tritium.errors import StorageError

PREFIX = "sk-tr-v1-"
_PEPPER_BYTES = 32


def new_secret() -> str:
    """`sk-tr-v1-` and 64 hexadecimal digits."""
    return PREFIX + secrets.token_hex(32)


def label_of(secret: str) -> str:
    """What may be shown: `sk-tr-v1-0e6...c96`."""
    return f"{secret[: len(PREFIX) + 3]}...{secret[-3:]}"


class Pepper:
    """The HMAC's key, in a file of its own beside the database, readable by its owner only."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def at(cls, path: Path) -> Pepper:
        """The pepper in that file, made at first use. Any number of processes may do so at the same time.

        Raises:
            StorageError: it can't be read or written, or isn't a pepper.
        """
        try:
            if not path.exists():
                _make(path)
            value = path.read_bytes()
        except OSError as error:
            raise StorageError(
                f"The file {str(path)!r}, without which no key can be checked: {error.strerror}."
            ) from None
        if len(value) != _PEPPER_BYTES:
            raise StorageError(f"The file {str(path)!r} is damaged. Restore it; without it, keys must be made anew.")
        return cls(value)

    def digest(self, secret: str) -> str:
        """The key's hash: HMAC-SHA-256 (RFC 2104) in hex."""
        return hmac.digest(self._value, secret.encode(), "sha256").hex()


def _make(path: Path) -> None:
    """Whole or not at all, and never over somebody else's: made under another name, then linked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_PEPPER_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
