"""An error in each dialect: the same facts, each where its clients look for them."""

from __future__ import annotations

import pytest

from tritium.api.errors import render_error, retry_after
from tritium.errors import (
    AllSeatsFailed,
    InvalidRequest,
    TritiumError,
    UnknownModel,
    UpstreamRateLimited,
    UpstreamRejected,
)

UNKNOWN = UnknownModel("x is not a valid model ID.", param="model", metadata={"requested_models": ["x"]})


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            InvalidRequest("no", param="n"),
            400,
            {
                "message": "no",
                "type": "invalid_request_error",
                "param": "n",
                "code": "invalid_request",
                "metadata": {"error_type": "invalid_request"},
            },
        ),
        (
            UNKNOWN,
            404,
            {
                "message": "x is not a valid model ID.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
                "metadata": {"error_type": "invalid_request", "requested_models": ["x"]},
            },
        ),
        (
            UpstreamRejected("no", provider="acme", upstream_status=401),
            502,
            {
                "message": "no",
                "type": "invalid_request_error",
                "param": None,
                "code": "provider_unavailable",
                "metadata": {"error_type": "provider_unavailable", "provider_name": "acme"},
            },
        ),
        (
            TritiumError("hidden"),
            500,
            {
                "message": "hidden",
                "type": "server_error",
                "param": None,
                "code": "server",
                "metadata": {"error_type": "server"},
            },
        ),
    ],
)
def test_openais_clients_find_type_param_and_code(error, status, body):
    assert render_error(error, "openai") == (status, {"error": body})


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            InvalidRequest("no", param="n"),
            400,
            {"code": 400, "message": "no", "metadata": {"error_type": "invalid_request", "param": "n"}},
        ),
        (
            UNKNOWN,
            400,
            {
                "code": 400,
                "message": "x is not a valid model ID.",
                "metadata": {"error_type": "invalid_request", "requested_models": ["x"]},
                "availability": {"code": "model_not_found", "retryable": False, "requested_models": ["x"]},
            },
        ),
        (
            AllSeatsFailed("no", provider="fusion", metadata={"seats": [{"status_code": 429}]}),
            429,
            {
                "code": 429,
                "message": "no",
                "metadata": {
                    "error_type": "rate_limit_exceeded",
                    "provider_name": "fusion",
                    "seats": [{"status_code": 429}],
                },
            },
        ),
    ],
)
def test_openrouters_clients_find_an_integer_code_and_metadata(error, status, body):
    assert render_error(error, "openrouter") == (status, {"error": body})


@pytest.mark.parametrize(("seconds", "header"), [(7.0, b"7"), (0.2, b"1"), (0.0, b"1"), (59.6, b"60"), (None, None)])
def test_a_client_is_told_when_to_come_back_in_whole_seconds_if_the_provider_said(seconds, header):
    error = UpstreamRateLimited("no", provider="acme", retry_after_seconds=seconds)

    assert retry_after(error) == ([] if header is None else [(b"retry-after", header)])
    assert retry_after(InvalidRequest("no")) == []
