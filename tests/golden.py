"""What a golden case says when it fails: why it is there, and what is other than it should be."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pytest
import requests


def check_same(why: str, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        lines = difflib.unified_diff(_printed(expected), _printed(found), "expected", "found", lineterm="")
        pytest.fail("\n".join([why, f"{what}:", *lines]), pytrace=False)


def _printed(value: Any) -> list[str]:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).splitlines()


def check_payloads(case: dict[str, Any], payloads: list[Any]) -> None:
    """A case that names none means one, whatever it is."""
    expected = [case["payload"]] if "payload" in case else payloads[:1] or ["one request"]
    check_same(case["why"], "what GigaChat got", payloads, case.get("payloads", expected))


def check_answer(case: dict[str, Any], answer: dict[str, Any]) -> None:
    """A case names what matters of it."""
    expected = case.get("answer", {})
    check_same(case["why"], "what the client got", {k: v for k, v in answer.items() if k in expected}, expected)


def check_answered(why: str, response: requests.Response) -> None:
    if response.status_code != 200:
        pytest.fail(f"{why}\nHTTP {response.status_code}: {response.content.decode()}", pytrace=False)
