"""What guardrails find in text: real personal data and not its look-alikes, whole and in streams cut anywhere."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.accounts.patterns import BUILT_IN, kinds
from tritium.accounts.screen import Screen, StreamScreen
from tritium.errors import ConfigError, PermissionDenied

ALL = Screen(dict.fromkeys(BUILT_IN, "redact"), BUILT_IN, "test")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("write to jo.b+x@mail.acme.co.uk!", "write to [REDACTED:email]!"),
        ("card 4111 1111 1111 1111, ok", "card [REDACTED:credit_card], ok"),
        ("card 4111111111111111.", "card [REDACTED:credit_card]."),
        ("amex 3782-822463-10005", "amex [REDACTED:credit_card]"),
        ("iban DE89 3704 0044 0532 0130 00 please", "iban [REDACTED:iban] please"),
        ("GB29NWBK60161331926819", "[REDACTED:iban]"),
        ("ssn 078-05-1120", "ssn [REDACTED:us_ssn]"),
        ("call +49 30 1234567 now", "call [REDACTED:phone] now"),
        ("call (212) 555-0147 or 212-555-0147", "call [REDACTED:phone] or [REDACTED:phone]"),
        ("call 030 1234567", "call [REDACTED:phone]"),
        ("a@b.de, c@d.de", "[REDACTED:email], [REDACTED:email]"),
    ],
)
def test_personal_data_is_found(text, redacted):
    assert ALL.text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "order 1234567890123456",
        "GB29 NWBK 6016 1331 9268 18",
        "000-12-3456 and 666-12-3456 and 123-00-4567",
        "2024-01-15 10:00:00",
        "192.168.100.200",
        "3.14159265358979",
        "@here and a@b",
        "id 550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_look_alikes_are_left_alone(text):
    assert ALL.text(text) == text


@given(
    st.lists(
        st.sampled_from(["jo@acme.org", "078-05-1120", "4111 1111 1111 1111", " ", "x", "+49 30 1234567", "12", ". "]),
        max_size=12,
    ),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_a_stream_gives_what_the_whole_text_would(parts, cuts):
    text = "".join(parts)
    stream = StreamScreen(ALL)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [stream.push(text[start:end]) for start, end in pairwise(places)]

    assert "".join(pieces) + stream.push("", last=True) == ALL.text(text)


def test_a_long_stream_isnt_held_back_for_longer_than_a_match():
    stream = StreamScreen(ALL)

    said = "".join(stream.push("word ") for _ in range(200))
    assert len(said) == 1000 - ALL.longest - 1


def test_what_is_blocked_names_its_patterns():
    screen = Screen({"email": "block", "us_ssn": "redact"}, BUILT_IN, "test")

    assert screen.text("078-05-1120") == "[REDACTED:us_ssn]"
    with pytest.raises(PermissionDenied) as caught:
        screen.text("078-05-1120 jo@acme.org")
    assert caught.value.metadata == {"patterns": ["email"]}


def test_a_messages_words_are_screened_and_nothing_else_of_it():
    message = {
        "role": "user",
        "name": "jo@acme.org",
        "content": [
            {"type": "text", "text": "jo@acme.org"},
            {"type": "image_url", "image_url": {"url": "data:;base64,4111111111111111"}},
        ],
        "tool_calls": [
            {"function": {"name": "pay", "arguments": '{"card":4111111111111111,"to":"jo@acme.org","n":7}'}}
        ],
    }

    screened = ALL.document([message])[0]

    assert screened["content"][0]["text"] == "[REDACTED:email]"
    assert screened["content"][1] == message["content"][1]
    assert screened["name"] == "jo@acme.org"
    assert (
        screened["tool_calls"][0]["function"]["arguments"]
        == '{"card":"[REDACTED:credit_card]","to":"[REDACTED:email]","n":7}'
    )
    clean = [{"role": "user", "content": "nothing"}]
    assert ALL.document(clean) is clean


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("(", "not a regular expression"),
        ("a+", "upper bound"),
        ("a*b", "upper bound"),
        ("(?=a)b", "look-around"),
        (r"(a)\1", "back-references"),
        ("^a", "anchors"),
        ("a{0,5}", "nothing at all"),
        ("(a{1,9}){1,9}b", "smaller bounds"),
        ("(a|a){1,20}b", "smaller bounds"),
        ("a{300}", "smaller bounds"),
    ],
)
def test_an_expression_whose_time_isnt_bounded_is_refused(expression, says):
    with pytest.raises(ConfigError, match=says):
        kinds({"mine": expression})


@pytest.mark.parametrize("expression", [r"\bPRJ-\d{3,8}\b", "(?i)secret|top ?secret", r"[A-Z]{2}\d{4}"])
def test_a_bounded_expression_is_taken(expression):
    assert "mine" in kinds({"mine": expression})


def test_a_kind_that_isnt_is_refused_with_the_one_meant():
    with pytest.raises(ConfigError, match="Did you mean 'email'"):
        Screen({"emial": "block"}, BUILT_IN, "guardrails.input")
    with pytest.raises(ConfigError, match="built in"):
        kinds({"email": "x"})


@pytest.mark.parametrize("hostile", ["a" * 200_000, "1 " * 100_000, "a@" * 100_000, "1-" * 100_000, "A1" * 100_000])
def test_hostile_text_takes_time_in_proportion(hostile):
    began = time.process_time()
    ALL.text(hostile)

    assert time.process_time() - began < 5
