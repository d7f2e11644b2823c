"""The table, row by row; tests/test_errors.py shows that clients get to see it."""

from __future__ import annotations

import json
import logging
import ssl
import time
from email.utils import formatdate
from typing import Any

import httpx
import pydantic
import pytest
from gigachat.models import ChatCompletionChunk
from hypothesis import given
from hypothesis import strategies as st

from gpt2giga.errors import ContextTooLong, ProxyError
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.transport.access_token import TokenFailure
from gpt2giga.upstream.transport.failures import retry_after, to_proxy_error, translated
from gpt2giga.upstream.transport.http import StatusError

URL = httpx.URL("https://api.giga.chat/v1/chat/completions")
SECRETS = ("giga.chat", "http", "Bearer", "eyJhbGciOi", "NmIxZTk0", "x-request-id")
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>SynGX http://10.0.0.1/</body></html>"


def response_error(status: int, body: Any = None, **headers: str) -> StatusError:
    """With everything in it that must not get out."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"status": status, "message": "why not"}).encode()
    secret = {"x-request-id": "abc", "Authorization": "Bearer eyJhbGciOi", **headers}
    return StatusError(status, content, httpx.Headers(secret))


def validation_error(data: Any) -> Unreadable:
    """Of one of the SDK's models, as sdk.py tells it."""
    with pytest.raises(pydantic.ValidationError) as caught:
        ChatCompletionChunk.model_validate_json(json.dumps(data))
    return Unreadable(caught.value.errors(include_url=False, include_context=False)[0].get("input"))


def raised(function: Any, *arguments: Any, **options: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: B017 whichever it is
        function(*arguments, **options)
    return caught.value


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def no_token(cause: Exception) -> TokenFailure:
    failure = TokenFailure()
    failure.__cause__ = cause
    return failure


def oauth(status: int, code: int, message: str = "why not") -> TokenFailure:
    return no_token(response_error(status, {"code": code, "message": message}))


UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self signed certificate")
UNTRUSTED.verify_code = 18
REFUSED = (401, "authentication_error", "gigachat_credentials_rejected")
SERVER = "server_error"
TABLE: dict[str, tuple[Exception, int, str, str, str]] = {
    # GigaChat's statuses
    "400": (response_error(400), 400, "invalid_request_error", "gigachat_refused", "why not"),
    "401": (response_error(401), *REFUSED, "GIGACHAT_CREDENTIALS"),
    "402": (response_error(402), 402, "insufficient_quota", "insufficient_quota", "insufficient quota"),
    "403": (response_error(403), 403, "permission_error", "permission_denied", "no access"),
    "404 model": (
        response_error(404, {"status": 404, "message": "No such model"}),
        *(404, "invalid_request_error", "model_not_found", "No such model"),
    ),
    "404 other": (response_error(404), 404, "invalid_request_error", "not_found", "why not"),
    "405": (response_error(405), 400, "invalid_request_error", "gigachat_refused", "why not"),
    "413": (response_error(413), 400, "invalid_request_error", "context_length_exceeded", "maximum context length"),
    "422": (response_error(422), 400, "invalid_request_error", "gigachat_refused", "why not"),
    "422 tokens": (
        response_error(422, {"status": 422, "message": "Tokens limit exceeded: 140000 out of 131072"}),
        *(400, "invalid_request_error", "context_length_exceeded", "140000 out of 131072"),
    ),
    "429": (response_error(429), 429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached"),
    "500": (response_error(500), 502, SERVER, "upstream_error", "answered 500: why not"),
    "502 html": (response_error(502, HTML), 502, SERVER, "upstream_error", "answered 502: no explanation"),
    "503": (response_error(503), 503, SERVER, "upstream_unavailable", "answered 503: why not"),
    "504 html": (response_error(504, HTML), 504, SERVER, "upstream_timeout", "timed out with 504"),
    "302": (response_error(302, HTML), 502, SERVER, "upstream_error", "answered 302"),
    "a code in a chat's error": (
        response_error(422, {"status": 422, "code": 6, "message": "why not"}),
        *(400, "invalid_request_error", "gigachat_refused", "why not"),
    ),
    "a list as error": (response_error(500, [1]), 502, SERVER, "upstream_error", "no explanation"),
    # OAuth
    "oauth 4": (oauth(400, 4), *REFUSED, "one line"),
    "oauth 5": (oauth(400, 5), *REFUSED, "GIGACHAT_SCOPE is empty"),
    "oauth 1": (oauth(400, 1), *REFUSED, "GIGACHAT_SCOPE is not one"),
    "oauth 7": (oauth(400, 7), *REFUSED, "GIGACHAT_SCOPE does not belong"),
    "oauth 6": (oauth(401, 6), *REFUSED, "unknown or was revoked"),
    "oauth unknown code": (oauth(400, 99), *REFUSED, "Check GIGACHAT_CREDENTIALS and GIGACHAT_SCOPE"),
    "oauth a code that is a text": (no_token(response_error(400, {"code": "6"})), *REFUSED, "Check GIGACHAT_CRED"),
    "password": (no_token(response_error(401)), *REFUSED, "why not"),
    "oauth 404": (no_token(response_error(404, HTML)), 502, SERVER, "upstream_error", "GIGACHAT_AUTH_URL"),
    "oauth 429": (oauth(429, 0), 429, "rate_limit_error", "rate_limit_exceeded", "no more tokens for now"),
    "oauth 500": (no_token(response_error(500, HTML)), 503, SERVER, "upstream_unavailable", "authorisation"),
    "oauth refused": (no_token(httpx.ConnectError("no")), 503, SERVER, "upstream_unavailable", "GIGACHAT_AUTH_URL"),
    "oauth hangs": (no_token(httpx.ReadTimeout("no")), 504, SERVER, "upstream_timeout", "authorisation"),
    "oauth no token": (no_token(KeyError("exp")), 502, SERVER, "upstream_error", "without a token"),
    # The way to GigaChat
    "connect refused": (httpx.ConnectError("no"), 503, SERVER, "upstream_unavailable", "cannot be reached"),
    "connect timeout": (httpx.ConnectTimeout("no"), 503, SERVER, "upstream_unavailable", "timed out"),
    "read timeout": (httpx.ReadTimeout("no"), 504, SERVER, "upstream_timeout", "timed out.*GIGACHAT_TIMEOUT"),
    "write timeout": (httpx.WriteTimeout("no"), 504, SERVER, "upstream_timeout", "timed out"),
    "pool": (httpx.PoolTimeout("no"), 429, "rate_limit_error", "rate_limit_exceeded", "GIGACHAT_MAX_CONNECTIONS"),
    "reset": (httpx.ReadError("no"), 502, SERVER, "upstream_cut", "closed the connection"),
    "cut": (httpx.RemoteProtocolError("no"), 502, SERVER, "upstream_cut", "^Connection lost.*before its answer"),
    "proxy": (httpx.ProxyError("no"), 503, SERVER, "upstream_unavailable", "HTTPS_PROXY"),
    "content type": (httpx.TransportError("got 'text/html'"), 502, SERVER, "upstream_error", "protocol"),
    "redirects": (httpx.TooManyRedirects("no"), 502, SERVER, "upstream_error", "protocol"),
    "certificate": (
        caused(httpx.ConnectError("no"), UNTRUSTED),
        *(503, SERVER, "upstream_certificate", "GIGACHAT_CA_BUNDLE_FILE"),
    ),
    "oauth certificate": (
        no_token(caused(httpx.ConnectError("no"), UNTRUSTED)),
        *(503, SERVER, "upstream_certificate", "GIGACHAT_CA_BUNDLE_FILE"),
    ),
    "client certificate": (
        caused(httpx.ReadError("no"), ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]")),
        *(503, SERVER, "upstream_certificate", "GIGACHAT_CERT_FILE"),
    ),
    "tls cut": (
        caused(httpx.ReadError("no"), ssl.SSLEOFError(8, "EOF occurred")),
        *(502, SERVER, "upstream_cut", "closed the connection"),
    ),
    "key with a line break": (httpx.LocalProtocolError("Illegal header value"), *REFUSED, "characters that no key"),
    "key in Cyrillic": (raised("ключ".encode, "ascii"), *REFUSED, "characters that no key has"),
    # Answers that make no sense
    "broken json": (raised(json.loads, "{"), 502, SERVER, "upstream_error", "not readable JSON"),
    "not utf-8": (raised(b"\xff".decode), 502, SERVER, "upstream_error", "not readable JSON"),
    "a list": (TypeError("argument after ** must be a mapping"), 502, SERVER, "upstream_error", "not readable"),
    "another form": (validation_error({"a": 1}), 502, SERVER, "upstream_error", "documented form"),
    "not an object": (validation_error("text"), 502, SERVER, "upstream_error", "documented form"),
    "error frame": (
        validation_error({"status": 429, "message": "Too many requests"}),
        *(429, "rate_limit_error", "rate_limit_exceeded", "Too many requests"),
    ),
    "status that is none": (validation_error({"status": True}), 502, SERVER, "upstream_error", "documented form"),
    "half a pair": (raised("\ud800".encode), 400, "invalid_request_error", None, "surrogate"),
}


@pytest.mark.parametrize("error, status, type, code, words", TABLE.values(), ids=TABLE)
def test_table(
    error: Exception, status: int, type: str, code: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ProxyError, match=words) as caught, translated():
        raise error
    found = caught.value
    assert (found.status, found.type, found.code) == (status, type, code)
    told = found.message + "".join(record.getMessage() for record in caplog.records)
    assert not [secret for secret in SECRETS if secret in told]
    assert len(found.message) < 1500 and "\n" not in found.message


@pytest.mark.parametrize("proxy, way", [("", ""), ("http://u:hidden@proxy:3128", " (ALL_PROXY proxy:3128)")])
def test_the_log_says_why_there_is_no_connection(
    proxy: str, way: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients are not told: the reason names hosts."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    why = "[Errno -2] Name or service not known"
    error = httpx.ConnectError(why, request=httpx.Request("GET", "https://api.giga.chat/v1"))
    assert why not in str(to_proxy_error(error))
    assert caplog.messages == [f"No connection to GigaChat{way}: {why}"]


FIGURES: dict[str, tuple[int, int]] = {
    "CONTEXT_TOO_LONG: context too long 301216, maximum allowed context is 261120": (261120, 301216),
    "Tokens limit exceeded: 301216 out of 261120.": (261120, 301216),
    "Tokens limit exceeded for index 3: 2321 (max 514)": (514, 2321),
    "Tokens limit exceeded: 40000 (max 32768) for model GigaChat-2": (32768, 40000),
    "context too long: 300000 for model GigaChat-2-Max, maximum allowed context is 261120": (261120, 300000),
    "Tokens limit of GigaChat-2-Max exceeded: 40000 out of 32768": (32768, 40000),
    "maximum context of GigaChat-3.5-Ultra:1.2.3.4 is 32768, not 40000": (32768, 40000),
    "Tokens limit exceeded: 40000 out of 32768 in 3 messages": (32768, 40000),
    "Payload too large: 20971521 bytes, maximum 20971520": (0, 0),
    "Payload too large: 20000 KB, maximum 10000 KB": (0, 0),
    "context too long 301216 tokens (v1)": (0, 0),
    "context too long 301,216, maximum allowed context is 261,120": (0, 0),
    "context too long 301216, maximum allowed context is 2": (0, 0),
    "context too long 9000, maximum allowed context is 9000": (0, 0),
}


@pytest.mark.parametrize("words, told", FIGURES.items(), ids=FIGURES)
def test_figures_of_a_prompt_that_is_too_long(words: str, told: tuple[int, int]) -> None:
    """What clients are told as the window they keep, so no number of a model's name."""
    found = to_proxy_error(response_error(422, {"status": 422, "message": words}))
    assert isinstance(found, ContextTooLong) and (found.window, found.asked) == told
    assert ("tokens. However" in found.message) == any(told)


def test_the_range_of_max_tokens_is_no_prompt() -> None:
    found = to_proxy_error(response_error(400, {"message": "Invalid params: tokens limit 1 to 8192"}))
    assert found.code == "gigachat_refused"


def test_what_is_not_in_the_table_passes() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_long_words_are_cut() -> None:
    found = to_proxy_error(response_error(422, {"message": "слово " * 10_000}))
    assert len(found.message) < 1500


@pytest.mark.parametrize("name", ["429", "500", "error frame", "oauth 500", "oauth 429"])
def test_the_status_is_known_to_the_retries(name: str) -> None:
    found = to_proxy_error(TABLE[name][0])
    assert found.upstream_status == int("429" if name == "error frame" else name[-3:])


@pytest.mark.parametrize("name", ["connect refused", "connect timeout", "reset", "cut", "tls cut", "oauth refused"])
def test_transient(name: str) -> None:
    assert to_proxy_error(TABLE[name][0]).transient


@pytest.mark.parametrize("name", ["400", "401", "402", "404 model", "413", "422", "read timeout", "certificate"])
def test_not_transient(name: str) -> None:
    assert not to_proxy_error(TABLE[name][0]).transient


def test_event_exception_is_transient() -> None:
    assert to_proxy_error(response_error(422, {"message": "EventException: try later"})).transient


RETRY_AFTER = {
    "7": 7.0,
    "0.5": 0.5,
    "": None,
    "0": None,
    "-3": None,
    "nan": None,
    "inf": None,
    "1e999": None,
    "x": None,
}


@pytest.mark.parametrize("value, seconds", RETRY_AFTER.items())
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(httpx.Headers({"retry-after": value})) == seconds


def test_retry_after_as_a_date() -> None:
    now = time.time()
    assert retry_after({"Retry-After": formatdate(now + 30, usegmt=True)}) == pytest.approx(30, abs=2)
    assert retry_after({"Retry-After": formatdate(now - 30, usegmt=True)}) is None
    assert retry_after(None) is None


@given(st.text())
def test_no_retry_after_is_a_mistake(value: str) -> None:
    seconds = retry_after({"Retry-After": value})
    assert seconds is None or seconds > 0


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(status: int) -> None:
    assert to_proxy_error(response_error(status, **{"Retry-After": "7"})).retry_after == 7
