"""Signatures as AWS computes them: its published Signature Version 4 test suite, and what Bedrock's paths add to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from tritium.providers.aws_signature import (
    Credentials,
    Scope,
    canonical_request,
    read_credentials,
    signature_headers,
)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ANYBODY = Credentials("AKIDEXAMPLE", SECRET)
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
STS_TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7"
    "mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d"
    "+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


class Vector(NamedTuple):
    """A request of the suite, by the suite's name for it, and the signature it has."""

    name: str
    path: str
    signature: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    token: str | None = None


VECTORS = [
    Vector("get-vanilla", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    Vector("get-utf8", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    Vector("get-unreserved", f"/-._~{LETTERS}", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    Vector(
        "get-header-value-trim",
        "/",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        headers=(("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
    ),
    Vector(
        "get-header-key-duplicate",
        "/",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        headers=(("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")),
    ),
    Vector(
        "get-vanilla-query-order-encoded",
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    Vector("get-vanilla-utf8-query", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    Vector(
        "get-vanilla-query-order-key-case",
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    Vector(
        "get-vanilla-query-unreserved",
        f"/?-._~{LETTERS}=-._~{LETTERS}",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    Vector("post-vanilla", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", method="POST"),
    Vector(
        "post-vanilla-query",
        "/?Param1=value1",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        method="POST",
    ),
    Vector(
        "post-x-www-form-urlencoded",
        "/",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        method="POST",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=b"Param1=value1",
    ),
    Vector(
        "post-sts-header-before",
        "/",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        method="POST",
        token=STS_TOKEN,
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_request_of_the_suite_has_the_suites_signature(vector: Vector) -> None:
    added = dict(
        signature_headers(
            vector.method,
            "example.amazonaws.com",
            vector.path,
            vector.body,
            credentials=ANYBODY._replace(session_token=vector.token),
            scope=Scope("us-east-1", "service"),
            now=NOW,
            headers=vector.headers,
        )
    )

    assert added["x-amz-date"] == "20150830T123600Z"
    assert added.get("x-amz-security-token") == vector.token
    scheme, credential, signed, signature = added["authorization"].split(" ")
    assert (scheme, credential) == (
        "AWS4-HMAC-SHA256",
        "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,",
    )
    names = {"host", "x-amz-date", *(name for name, _ in vector.headers)}
    names |= {"x-amz-security-token"} if vector.token else set()
    assert signed == f"SignedHeaders={';'.join(sorted(names))},"
    assert signature == f"Signature={vector.signature}"


def test_an_encoded_path_is_encoded_once_more() -> None:
    path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.a.b-v1%3A0/converse"

    canonical = canonical_request("POST", path, [("host", "h")], b"")

    assert canonical.split("\n")[1] == path.replace("%", "%25")


def test_a_models_arn_is_signed_as_awss_own_client_signs_it() -> None:
    profile = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
    arn = f"arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2F{profile}"

    added = signature_headers(
        "POST",
        "bedrock-runtime.us-east-1.amazonaws.com",
        f"/model/{arn}/converse",
        b'{"a":1}',
        credentials=Credentials("AKIDEXAMPLE", SECRET, "TOKEN/+="),
        scope=Scope("us-east-1", "bedrock"),
        now=NOW,
    )

    signature = dict(added)["authorization"].partition("Signature=")[2]
    assert signature == "67734b8fd76d642e343e162ae67cd0c369c519a1779168bb85ba248c0e767bf3"


def test_credentials_are_the_neighbours_of_the_variable_that_holds_the_id() -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "PROD_ACCESS_KEY_ID": "ASIA",
        "PROD_SECRET_ACCESS_KEY": "p\n",
        "PROD_SESSION_TOKEN": "t",
        "LONE_ACCESS_KEY_ID": "AKIA",
        "AWS_BEARER_TOKEN_BEDROCK": "b",
    }

    assert read_credentials("AWS_ACCESS_KEY_ID", environment) == Credentials("AKIA", "s")
    assert read_credentials("PROD_ACCESS_KEY_ID", environment) == Credentials("ASIA", "p", "t")
    assert read_credentials("LONE_ACCESS_KEY_ID", environment) is None
    assert read_credentials("AWS_BEARER_TOKEN_BEDROCK", environment) is None


def test_a_secret_is_not_in_what_is_printed() -> None:
    assert SECRET not in repr(ANYBODY)
