"""Access tokens: OAuth and the password login of corporate installations (contract 1.1, 1.6, 1.9)."""

from __future__ import annotations

import uuid

from flask import Blueprint, request, Response

from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.replies import answer_json, state
from gpt2giga_sandbox.tokens import basic_pair

SCOPES = ("GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP")
OF_SPEECH = ("SALUTE_SPEECH_PERS", "SALUTE_SPEECH_B2B", "SALUTE_SPEECH_CORP")

blueprint = Blueprint("oauth", __name__)
password = Blueprint("password", __name__)


def coded(status: int, code: int, message: str) -> Refusal:
    return Refusal(status, message, {"code": code, "message": message})


@blueprint.post("/api/v2/oauth")
def oauth() -> Response:
    if not state().admit_token_request():
        raise Refusal(429, "Too many requests")
    client_id = _check_key(request.headers.get("Authorization", ""))
    _check_request_id(request.headers.get("RqUID", ""))
    _check_scope(request.form.get("scope", ""))
    token, expires_at = state().issue_token(account=client_id, scope=request.form.get("scope", ""))
    return answer_json("oauth", {"access_token": token, "expires_at": expires_at})


def _check_key(authorization: str) -> str:
    """The client id, which is what accounts go by here."""
    pair = basic_pair(authorization)
    if pair is None:
        # 400 as seen in practice; one client's table says 401 (contract 1.7).
        raise coded(400, 4, "Can't decode 'Authorization' header")
    expected = state().settings.credentials
    if (expected is not None and authorization != f"Basic {expected}") or pair[0] in state().settings.revoked:
        raise coded(401, 6, "credentials doesn't match db data")
    return pair[0]


def _check_request_id(value: str) -> None:
    try:
        version = uuid.UUID(value).version
    except ValueError:
        version = None
    if version != 4:
        # The status is documented, the body is a guess (contract 1.8, 10.4).
        raise coded(400, 2, "RqUID must be a uuid4")


def _check_scope(scope: str) -> None:
    if not scope:
        raise coded(400, 5, "scope is empty")
    if scope in OF_SPEECH:  # another service's
        return
    if scope not in SCOPES:
        raise coded(400, 1, "scope data format invalid")
    if state().settings.scope not in (None, scope):
        raise coded(400, 7, "scope from db not fully includes consumed scope")


@password.post("/token")
def token() -> Response:
    if not state().admit_token_request():
        raise Refusal(429, "Too many requests")
    pair = basic_pair(request.headers.get("Authorization", ""))
    settings = state().settings
    if pair is None or settings.user not in (None, pair[0]) or settings.password not in (None, pair[1]):
        raise Refusal(401, "Unauthorized")
    value, expires_at = state().issue_token(account=pair[0])
    return answer_json("oauth", {"tok": value, "exp": expires_at})
