"""A provider's error status as one of ours: the class says what a caller can do about it."""

from __future__ import annotations

import pytest

from tritium.errors import (
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tritium.providers.wire import error_for_status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamRejected),
        (401, UpstreamRejected),
        (404, UpstreamRejected),
        (408, UpstreamTimeout),
        (422, UpstreamRejected),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (502, UpstreamUnavailable),
        (503, UpstreamOverloaded),
        (504, UpstreamTimeout),
        (524, UpstreamTimeout),
        (529, UpstreamOverloaded),
        (204, UpstreamUnavailable),
        (302, UpstreamUnavailable),
        (599, UpstreamUnavailable),
    ],
)
def test_each_status_has_its_meaning(status, kind):
    error = error_for_status("vendor", status, "no", 7.0)

    assert type(error) is kind
    assert (error.provider, error.upstream_status, error.retry_after_seconds) == ("vendor", status, 7.0)
    assert str(status) in error.message
    assert "no" in error.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_operators_business_and_the_message_says_so(status):
    error = error_for_status("vendor", status, "bad key")

    assert error.http_status == 502
    assert error.message == (
        f"vendor refused the configured key ({status}: bad key). Check the key's value and its rights."
    )
