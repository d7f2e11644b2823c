"""What can go wrong, in OpenAI's words; each dialect gives it the shape its own clients expect.

ProxyError
+- BadRequest            400  the client's request
|  +- ContextTooLong     400
|  +- Filtered           400  GigaChat's filter answered where words are no answer
+- NotAuthenticated      401  the client's key, or GigaChat's (told apart by code)
+- QuotaExceeded         402
+- PermissionDenied      403
+- NotFound              404
+- MethodNotAllowed      405
+- BodyTimeout           408
+- BodyTooLarge          413
+- ClientGone            499  nobody reads the answer; for the log
+- RateLimited           429
|  +- KeyUsedUp          429  the client's key has had its tokens
+- InternalError         500  ours
+- NotSupported          501  it is not to be had here
|  +- NotSetUp           501  without a setting
+- Unavailable           503  ours: too much to do, or about to stop
+- UpstreamError         502  GigaChat's answer makes no sense
|  +- UpstreamCut        502  it ended before it was whole
|  +- PromiseBroken      502  it is not what was promised, though asked for more than once
+- UpstreamUnavailable   503
+- UpstreamTimeout       504
"""

from __future__ import annotations


class ProxyError(Exception):
    """`message` goes to the client as it is: no URLs, headers, tokens or keys in it.

    retry_after: seconds until it makes sense to try again. transient: the same request may well succeed soon.
    upstream_status: what GigaChat answered, where it did. is_final: clients that repeat by themselves are not to.
    """

    status = 500
    type = "server_error"
    code: str | None = None
    is_final = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code
        self.retry_after = retry_after
        self.transient = transient
        self.upstream_status: int | None = None


class BadRequest(ProxyError):
    status = 400
    type = "invalid_request_error"


class ContextTooLong(BadRequest):
    """asked, window: tokens; 0 where GigaChat did not tell them."""

    code = "context_length_exceeded"
    asked = window = 0


class Filtered(BadRequest):
    code = "content_filter"


class NotAuthenticated(ProxyError):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class QuotaExceeded(ProxyError):
    status = 402
    type = "insufficient_quota"
    code = "insufficient_quota"


class PermissionDenied(ProxyError):
    status = 403
    type = "permission_error"
    code = "permission_denied"


class NotFound(ProxyError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(ProxyError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class BodyTimeout(ProxyError):
    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class BodyTooLarge(ProxyError):
    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class ClientGone(ProxyError):
    status = 499  # nginx's number for it
    type = "invalid_request_error"
    code = "client_gone"


class RateLimited(ProxyError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class KeyUsedUp(RateLimited):
    code = "insufficient_quota"


class InternalError(ProxyError):
    code = "internal_error"


class NotSupported(ProxyError):
    status = 501
    type = "invalid_request_error"
    code = "not_supported"


class NotSetUp(NotSupported):
    code = "not_set_up"


class Unavailable(ProxyError):
    status = 503
    code = "unavailable"


class UpstreamError(ProxyError):
    status = 502
    code = "upstream_error"


class UpstreamCut(UpstreamError):
    code = "upstream_cut"


class PromiseBroken(UpstreamError):
    """Clients that repeat the request pay for all of it again, and get no better."""

    is_final = True


class UpstreamUnavailable(ProxyError):
    status = 503
    code = "upstream_unavailable"


class UpstreamTimeout(ProxyError):
    status = 504
    code = "upstream_timeout"
