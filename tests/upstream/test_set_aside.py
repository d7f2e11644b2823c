"""Which accounts are left alone, and for how long."""

from __future__ import annotations

import logging

import pytest

from gpt2giga.errors import (
    BadRequest,
    NotFound,
    PermissionDenied,
    ProxyError,
    QuotaExceeded,
    RateLimited,
    Unavailable,
    UpstreamUnavailable,
)
from gpt2giga.upstream.pool import set_aside
from gpt2giga.upstream.pool.set_aside import SetAside
from gpt2giga.upstream.transport.failures import from_status, KeyRejected


def refused(status: int, words: str = "words", wait: float | None = None) -> ProxyError:
    error = from_status(status, words, wait)
    error.upstream_status = status
    return error


@pytest.mark.parametrize(
    "error, seconds",
    [
        (refused(402), 600),
        (refused(403), 600),
        (refused(404, "No such model"), 600),
        (refused(429), 60),
        (refused(429, wait=90.0), 90),
        (refused(429, wait=1e9), 600),
    ],
)
def test_for_one_model(error: ProxyError, seconds: float) -> None:
    aside = SetAside()
    assert aside.note("1", "GigaChat-2", error)
    assert seconds - 1 < aside.until("1", "GigaChat-2") <= seconds
    assert (aside.until("1", "GigaChat-2-Max"), aside.until("2", "GigaChat-2")) == (0, 0)
    aside.end("1", "GigaChat-2")
    assert aside.until("1", "GigaChat-2") == 0


def test_a_rejected_key_is_none_for_any_model() -> None:
    aside = SetAside()
    assert aside.note("1", "GigaChat-2", KeyRejected("words", "cure"))
    assert aside.until("1", "GigaChat-2-Max") > 500 and aside.is_rejected("1") and not aside.is_rejected("2")
    aside.forget("1")
    assert aside.until("1", "GigaChat-2-Max") == 0


@pytest.mark.parametrize("error", [PermissionDenied("a"), QuotaExceeded("a")])
def test_what_is_refused_for_no_model_sets_nothing_aside(error: ProxyError) -> None:
    """An account may chat without being allowed to list models; another is asked for those."""
    aside = SetAside()
    assert aside.note("1", "", error) and aside.until("1", "GigaChat-2") == 0


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("a"),
        NotFound("a"),
        RateLimited("our own line", retry_after=5.0),
        Unavailable("a"),
        UpstreamUnavailable("a"),
        refused(500),
    ],
)
def test_what_another_account_would_say_too(error: ProxyError) -> None:
    aside = SetAside()
    assert not aside.note("1", "GigaChat-2", error) and aside.until("1", "GigaChat-2") == 0


def test_models_that_clients_make_up_cost_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "MOST_REMEMBERED", 100)
    aside = SetAside()
    for number in range(1000):
        aside.note("1", f"model-{number}", refused(404, "No such model"))
        assert len(aside._until) <= 101
    assert aside.until("1", "model-999")


def test_it_is_told_once() -> None:
    told: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = told.append  # type: ignore[method-assign]
    set_aside.log.addHandler(handler)
    aside = SetAside()
    for _ in range(5):
        aside.note("work", "GigaChat-2", refused(402, "Payment Required"))
    set_aside.log.removeHandler(handler)
    [line] = [record.getMessage() for record in told]
    assert line.startswith("Account work is set aside for 600 s (GigaChat-2): GigaChat: Payment Required")
