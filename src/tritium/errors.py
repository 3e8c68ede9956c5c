"""Every way a request can fail, as one tree; each class knows its status, its kind and whether a retry can help.

    TritiumError
      x ConfigError                 the configuration file can't be used        (never an HTTP answer)
      x StorageError                the database can't be used                  (never an HTTP answer)
      x LimitsUnknown     503       whether the caller may spend more can't be told at present
      x RequestError                the caller can act on it
        + InvalidRequest            400
        + UnknownModel              404 in OpenAI's dialect, 400 in OpenRouter's
        + AuthenticationFailed      401
        + BudgetExceeded            402
        + PermissionDenied          403
        + NotFound                  404
        + Conflict                  409
        + MethodNotAllowed          405
        + PayloadTooLarge           413
        + RateLimited               429
        + NoEndpoint                404
      x UpstreamError               a provider failed
        + UpstreamRejected          the provider refused this request (its 4xx)
        + UpstreamRateLimited       429
        + UpstreamUnavailable       502
        + UpstreamOverloaded        503
        + UpstreamTimeout           504
        + AllSeatsFailed            every member of a panel failed
        + UnstructuredAnswer  502   nobody gave JSON of the schema that was asked for

A message says what was wrong, where, and what to do.
Policy is a property of the class, decided once: nobody else maps statuses.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


class TritiumError(Exception):
    """Anything Tritium raises on purpose."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server"
    """OpenRouter's `error.metadata.error_type`."""

    openai_type: ClassVar[str] = "server_error"
    """OpenAI's `error.type`."""

    retryable: ClassVar[bool] = False

    availability: Mapping[str, Any] | None = None
    """OpenRouter's `error.availability`, where there is something to say on whom else to ask, or when."""

    router_metadata: Mapping[str, Any] | None = None
    """OpenRouter's `openrouter_metadata`, for a client that asked for it."""

    def __init__(self, message: str, *, param: str | None = None, metadata: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.metadata = dict(metadata or {})

    @property
    def http_status(self) -> int:
        """The status of the answer; a class constant but for what a provider decided."""
        return self.status

    @property
    def error_type(self) -> str:
        """OpenRouter's `error.metadata.error_type`; a class constant but for what the status decides."""
        return self.kind


class ConfigError(TritiumError):
    """The configuration file says something that can't be carried out."""


class StorageError(TritiumError):
    """The database can't be opened, migrated or written."""


class LimitsUnknown(TritiumError):
    """Whether there is money left can't be told at present, and so nothing is spent."""

    status = 503
    retry_after_seconds = 1.0


class RequestError(TritiumError):
    """The request can't be carried out as it stands; the caller can change it."""

    openai_type = "invalid_request_error"


class InvalidRequest(RequestError):
    """The body, a parameter or a combination of them is wrong."""

    status = 400
    kind = "invalid_request"


class UnknownModel(RequestError):
    """No model goes by this name here."""

    status = 404
    kind = "invalid_request"


class AuthenticationFailed(RequestError):
    """No key, or a wrong one."""

    status = 401
    kind = "authentication"
    openai_type = "authentication_error"


class BudgetExceeded(RequestError):
    """The request would cost more than its caller allows."""

    status = 402
    kind = "payment_required"
    openai_type = "insufficient_quota"


class PermissionDenied(RequestError):
    """The key is known and may not do this."""

    status = 403
    kind = "permission_denied"
    openai_type = "permission_error"


class NotFound(RequestError):
    """No such path, generation or run."""

    status = 404
    kind = "not_found"


class MethodNotAllowed(RequestError):
    """The path exists and takes another method."""

    status = 405
    kind = "invalid_request"


class Conflict(RequestError):
    """It can't be done with the thing as it is at present."""

    status = 409
    kind = "conflict"


class PayloadTooLarge(RequestError):
    """The body is larger than the server takes."""

    status = 413
    kind = "payload_too_large"


class RateLimited(RequestError):
    """Too many requests from this caller."""

    status = 429
    kind = "rate_limit_exceeded"
    openai_type = "rate_limit_error"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        param: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, param=param, metadata=metadata)
        self.retry_after_seconds = retry_after_seconds


class NoEndpoint(RequestError):
    """The model is known, and nobody may serve it: the request's own conditions leave none."""

    status = 404
    kind = "not_found"


class UpstreamError(TritiumError):
    """A provider failed; `provider` says which, `upstream_status` what it answered, if it did."""

    status = 502
    kind = "provider_unavailable"
    openai_type = "upstream_error"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        upstream_status: int | None = None,
        retry_after_seconds: float | None = None,
        param: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, param=param, metadata=metadata)
        self.provider = provider
        self.upstream_status = upstream_status
        self.retry_after_seconds = retry_after_seconds
        self.under_way = False
        """It failed once the request had gone out, and without a word of the provider's: it may bill for it."""
        self.another_key = False
        """The key was at fault and there is another one: asking again at once may help."""


_REJECTIONS = {
    402: "payment_required",
    404: "not_found",
    412: "precondition_failed",
    413: "payload_too_large",
    422: "unprocessable",
    502: "provider_unavailable",
}
"""OpenRouter's words for what a provider says no to; everything else is an invalid request."""


class UpstreamRejected(UpstreamError):
    """The provider understood the request and refused it; the same request will be refused again."""

    status = 400
    kind = "invalid_request"
    openai_type = "invalid_request_error"
    retryable = False

    @property
    def http_status(self) -> int:
        """The provider's own 4xx, except its 401 and 403: those speak of our key, not of the caller's."""
        if self.upstream_status in (401, 403):
            return 502
        return self.upstream_status or self.status

    @property
    def error_type(self) -> str:
        """As the status says: a key of ours that is refused is no fault of the request."""
        return _REJECTIONS.get(self.http_status, self.kind)


class UpstreamRateLimited(UpstreamError):
    """The provider asks us to slow down."""

    status = 429
    kind = "rate_limit_exceeded"
    openai_type = "rate_limit_error"


class UpstreamUnavailable(UpstreamError):
    """The provider can't be reached, broke off, or answered something that isn't an answer."""


class UpstreamOverloaded(UpstreamError):
    """The provider is up and has no capacity."""

    status = 503
    kind = "provider_overloaded"


class UpstreamTimeout(UpstreamError):
    """The provider took longer than it is given."""

    status = 504
    kind = "timeout"


class UnstructuredAnswer(UpstreamError):
    """A panel answered, and no answer satisfies the request's `response_format`, also when mended."""

    openai_type = "invalid_structured_output"


class AllSeatsFailed(UpstreamError):
    """Nobody on a panel answered; `metadata["seats"]` says why, seat by seat."""

    @property
    def http_status(self) -> int:
        """402, 403 or 429 when that befell every seat, 400 when every seat refused in one way or another: asking again
        won't help; 502 otherwise.
        """
        statuses = {seat.get("status_code") or 502 for seat in self.metadata.get("seats") or [{}]}
        if len(statuses) == 1 and statuses <= {402, 403, 429}:
            return statuses.pop()
        return 400 if all(400 <= status < 500 and status != 429 for status in statuses) else 502

    @property
    def error_type(self) -> str:
        """As the status says."""
        types = {
            400: "invalid_request",
            402: "payment_required",
            403: "permission_denied",
            429: "rate_limit_exceeded",
        }
        return types.get(self.http_status, self.kind)


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence naming what was probably meant, or an empty string."""
    pool = list(known)
    close = difflib.get_close_matches(name, pool, n=3, cutoff=0.6)
    if not close:  # a bare model name without its provider is the common slip
        close = [each for each in pool if each.rpartition("/")[2] == name][:3]
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(each) for each in close)}?"
