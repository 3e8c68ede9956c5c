"""Requests signed as AWS wants it: Signature Version 4, for those who have an access key rather than an API key.

Source: AWS General Reference, "Create a signed AWS API request"; what is computed here is checked against AWS's own
published test suite.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote

_ALGORITHM = "AWS4-HMAC-SHA256"
ACCESS_KEY_ID = "ACCESS_KEY_ID"
"""What the name of a variable ends in that holds an access key's id; the secret is in its neighbour."""

Headers = Sequence[tuple[str, str]]


class Credentials(NamedTuple):
    """An access key. Temporary ones come with a token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"


class Scope(NamedTuple):
    """What a signature is good for."""

    region: str
    service: str


def read_credentials(variable: str, environment: Mapping[str, str]) -> Credentials | None:
    """The access key whose id is in `variable`, such as AWS_ACCESS_KEY_ID: the rest is in variables named like it.

    None if the variable isn't named so, or the secret is missing.
    """
    if not variable.endswith(ACCESS_KEY_ID):
        return None
    stem = variable.removesuffix(ACCESS_KEY_ID)
    names = (variable, f"{stem}SECRET_ACCESS_KEY", f"{stem}SESSION_TOKEN")
    access_key_id, secret, token = (environment.get(name, "").strip() for name in names)
    return Credentials(access_key_id, secret, token or None) if access_key_id and secret else None


def signature_headers(
    method: str,
    host: str,
    path: str,
    body: bytes,
    *,
    credentials: Credentials,
    scope: Scope,
    now: datetime | None = None,
    headers: Headers = (),
) -> list[tuple[str, str]]:
    """The headers that sign a request, to be sent beside `host` and the given ones.

    Args:
        method: as sent.
        host: as in the request's Host header.
        path: as sent, percent-encoded, with its query.
        body: as sent.
        credentials: whose request it is.
        scope: where it goes.
        now: the time of signing; AWS takes a request that is five minutes off.
        headers: others to be signed too, their names in lower case.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    signed = [("host", host), ("x-amz-date", stamp), *headers]
    if credentials.session_token:
        signed.append(("x-amz-security-token", credentials.session_token))
    names = ";".join(sorted({name for name, _ in signed}))
    within = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    request = canonical_request(method, path, signed, body)
    text = "\n".join((_ALGORITHM, stamp, within, sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in within.split("/"):
        key = _hmac(key, part)
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{within}, SignedHeaders={names}, "
        f"Signature={_hmac(key, text).hex()}"
    )
    added = [("x-amz-date", stamp), ("authorization", authorization)]
    if credentials.session_token:
        added.append(("x-amz-security-token", credentials.session_token))
    return added


def canonical_request(method: str, path: str, headers: Headers, body: bytes) -> str:
    """The request in the one form that both sides compute. A path is encoded once more than it is sent."""
    path, _, query = path.partition("?")
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(" ".join(value.split()))
    lines = [f"{name}:{','.join(values[name])}" for name in sorted(values)]
    return "\n".join(
        (
            method,
            quote(path or "/", safe="/~"),
            _canonical_query(query),
            *lines,
            "",
            ";".join(sorted(values)),
            sha256(body).hexdigest(),
        )
    )


def _canonical_query(query: str) -> str:
    """Encoded alike and in order, by names first."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return "&".join(
        f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    )


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), sha256).digest()
