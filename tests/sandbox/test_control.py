"""The routes for tests and demos in another process."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Http


def test_a_script_comes_over_http(http: Http) -> None:
    assert http.control("POST", "script", json=[{"text": "раз"}, {"text": "два"}]) == {"pending_steps": 2}
    assert http.control("POST", "script", json={"text": "три"}) == {"pending_steps": 3}

    told = [http.chat().json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert told == ["раз", "два", "три"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"txt": "раз"}, "unknown keys in a step: txt"),
        ({"route": "chats"}, "unknown route of a step: chats"),
        ({"fault": "fire"}, "unknown fault of a step: fire"),
        ({"after": "noon"}, "what a step comes after is an event of the same process"),
        (5, "a step is an object, not 5"),
    ],
)
def test_a_wrong_step_is_refused(http: Http, step: Any, message: str) -> None:
    assert http.control("POST", "script", json=[step]) == {"status": 400, "message": message}


def test_settings_change(http: Http) -> None:
    assert http.control("POST", "settings", json={"max_streams": 0})["max_streams"] == 0
    assert http.chat().status_code == 429
    assert http.control("POST", "settings", json={"unknown": 1})["status"] == 400
    assert http.control("POST", "settings", data=b"[1]")["status"] == 400


def test_settings_come_as_curl_sends_them(http: Http) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = http.control("POST", "settings", data=b'{"character": "tolerant"}', headers=form)
    assert told["character"]["v2"] is True


def test_requests_hide_keys_and_tokens(http: Http) -> None:
    http.oauth()
    http.chat("Привет")

    oauth, chat = http.control("GET", "requests")

    assert (oauth["path"], oauth["headers"]["authorization"]) == ("/api/v2/oauth", "Basic")
    assert chat["headers"]["authorization"] == "Bearer"
    assert chat["json"]["messages"] == [{"role": "user", "content": "Привет"}]
    assert len(http.control("GET", "requests?path=/oauth")) == 1


def test_stats_revoke_reset(http: Http) -> None:
    http.chat()
    assert http.control("GET", "stats")["chat_requests"] == 1

    http.control("POST", "revoke")
    assert http.chat().json() == {"status": 401, "message": "Token has expired"}

    http.control("POST", "script", json={"text": "раз"})
    assert http.control("POST", "reset") == {
        "token_requests": 0,
        "chat_requests": 0,
        "refused": 0,
        "open_streams": 0,
        "peak_streams": 0,
        "finished_streams": 0,
        "cut_streams": 0,
        "aborted_streams": 0,
        "aborted_at": [],
        "pending_steps": 0,
    }
    assert http.control("GET", "requests") == []
