from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from gpt2giga_sandbox import SandboxServer

from .conftest import Http


def test_a_token_is_long_and_lives_half_an_hour(http: Http) -> None:
    answer = http.oauth().json()

    assert len(answer["access_token"]) == 1200
    assert answer["expires_at"] / 1000 == pytest.approx(time.time() + 1800, abs=10)


@pytest.mark.parametrize(
    ("changes", "status", "body"),
    [
        pytest.param({"form": {}}, 400, '{"code":5,"message":"scope is empty"}\n', id="no scope"),
        pytest.param(
            {"form": {"scope": "GIGACHAT"}}, 400, '{"code":1,"message":"scope data format invalid"}\n', id="bad scope"
        ),
        pytest.param(
            {"headers": {"Authorization": "Basic key"}},
            400,
            '{"code":4,"message":"Can\'t decode \'Authorization\' header"}\n',
            id="not base64",
        ),
        pytest.param(
            {"headers": {"Authorization": f"Basic {base64.b64encode(b'secret').decode()}"}},
            400,
            '{"code":4,"message":"Can\'t decode \'Authorization\' header"}\n',
            id="no colon in the key",
        ),
        pytest.param(
            {"headers": {"Authorization": f"Basic {base64.b64encode(b'a:b').decode()}"}},
            401,
            '{"code":6,"message":"credentials doesn\'t match db data"}\n',
            id="another key",
        ),
        pytest.param(
            {"form": {"scope": "GIGACHAT_API_CORP"}},
            400,
            '{"code":7,"message":"scope from db not fully includes consumed scope"}\n',
            id="another scope",
        ),
        pytest.param(
            {"headers": {"RqUID": "1"}}, 400, '{"code":2,"message":"RqUID must be a uuid4"}\n', id="not a uuid"
        ),
        pytest.param(
            {"headers": {"RqUID": "00000000-0000-1000-8000-000000000000"}},
            400,
            '{"code":2,"message":"RqUID must be a uuid4"}\n',
            id="not a uuid4",
        ),
    ],
)
def test_refuses(http: Http, sandbox: SandboxServer, changes: dict[str, Any], status: int, body: str) -> None:
    sandbox.state.settings.credentials = sandbox.credentials
    sandbox.state.settings.scope = "GIGACHAT_API_PERS"

    answer = http.oauth(**changes)

    assert (answer.status_code, answer.text) == (status, body)


def test_ten_requests_a_second(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.settings.oauth_per_second = 10

    statuses = [http.oauth().status_code for _ in range(12)]

    assert statuses.count(200) == 10
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("authorization", "body"),
    [
        pytest.param("", '{"status":401,"message":"Unauthorized"}\n', id="absent"),
        pytest.param("Bearer other", '{"status":401,"message":"Unauthorized"}\n', id="unknown"),
        pytest.param("expired", '{"status":401,"message":"Token has expired"}\n', id="expired"),
    ],
)
@pytest.mark.parametrize("path", ["/models", "/files", "/balance"])
def test_bearer(http: Http, sandbox: SandboxServer, path: str, authorization: str, body: str) -> None:
    if authorization == "expired":
        authorization = f"Bearer {sandbox.state.issue_token(lifetime=-1)[0]}"

    answer = http.get(path, headers={"Authorization": authorization})

    assert (answer.status_code, answer.text) == (401, body)
